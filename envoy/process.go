package envoy

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	"bartizan/envoy/admin"
)

// Process is a running Envoy. It ends by Stop, by itself, or with this process.
type Process struct {
	config   Config
	cmd      *exec.Cmd
	relay    *relay
	admin    *admin.Client
	done     chan struct{} // closed when Envoy has exited and its log is read to the end
	err      error         // why; set before done is closed
	stopping atomic.Bool   // Stop was called: an exit is wanted
}

// Start writes the bootstrap and starts Envoy with it. ctx bounds finding, perhaps installing, and starting Envoy, not its life.
// Call Ready for when it serves, and Stop in the end. One Envoy runs per run directory: with a second one Start is an error.
func Start(ctx context.Context, c Config) (*Process, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	binary, err := c.binary(ctx)
	if err != nil {
		return nil, err
	}
	if err := privateDir(c.RunDir); err != nil {
		return nil, err
	}
	unlock, err := tryLock(filepath.Join(c.RunDir, "envoy.lock"))
	if err != nil {
		return nil, fmt.Errorf("take run directory %s: %w", c.RunDir, err)
	}
	p, err := c.launch(ctx, binary, unlock)
	if err != nil {
		unlock()
		return nil, err
	}
	return p, nil
}

func (c Config) binary(ctx context.Context) (string, error) {
	if c.Binary == "" {
		return Find(ctx, c.Log)
	}
	pin, err := Pinned()
	if err != nil {
		return "", err
	}
	return c.Binary, checkVersion(ctx, c.Binary, pin)
}

// launch starts binary in a run directory whose lock is held; unlock is called when Envoy has exited.
func (c Config) launch(ctx context.Context, binary string, unlock func()) (*Process, error) {
	if err := c.endOrphan(ctx); err != nil {
		return nil, err
	}
	file, err := WriteBootstrap(c)
	if err != nil {
		return nil, err
	}
	p := &Process{config: c, admin: admin.New(c.AdminSocket()), done: make(chan struct{})}
	p.relay = &relay{log: c.Log, ending: &p.stopping}
	p.cmd = exec.Command(binary, c.args(file)...)
	p.cmd.Dir = c.RunDir
	p.cmd.Env = []string{} // ours holds credentials, and Envoy needs none of it
	p.cmd.Stdout, p.cmd.Stderr = p.relay, p.relay
	p.cmd.SysProcAttr = childAttributes()
	p.cmd.WaitDelay = time.Second
	started := make(chan error, 1)
	go p.run(started, unlock)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start Envoy: %w", err)
	}
	return p, nil
}

// args are Envoy's flags. Hot restart is off: it would share memory with any Envoy of this user on the machine. A drain is
// immediate: each answer closes its connection, instead of ever more of them over DrainTime.
func (c Config) args(bootstrap string) []string {
	return []string{
		"--config-path", bootstrap,
		"--concurrency", strconv.Itoa(c.Concurrency),
		"--disable-hot-restart",
		"--drain-time-s", strconv.Itoa(int(c.DrainTime / time.Second)),
		"--drain-strategy", "immediate",
		"--log-level", c.LogLevel,
		"--log-format", logFormat,
	}
}

// run owns Envoy from its start to its end. It keeps its thread: on Linux Envoy is killed when the thread that started it ends.
func (p *Process) run(started chan<- error, unlock func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	p.config.Log.Info("envoy started", "pid", p.cmd.Process.Pid, "run_dir", p.config.RunDir)
	err = p.cmd.Wait()
	p.relay.Close()
	p.admin.Close()
	p.err = p.exitError(err)
	unlock()
	close(p.done)
}

// exitError says how Envoy ended. Nil is an exit with status 0 that Stop asked for.
func (p *Process) exitError(err error) error {
	if p.stopping.Load() && err == nil {
		return nil
	}
	how := p.cmd.ProcessState.String()
	if problems := p.relay.allProblems(); problems != "" {
		how += ": " + problems
	}
	if p.stopping.Load() {
		return errors.New("envoy did not stop in order: " + how)
	}
	return errors.New("envoy ended by itself: " + how)
}

// PID is Envoy's process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when Envoy has exited, whoever wanted it.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err says why Envoy exited: nil while it runs and after an orderly Stop.
func (p *Process) Err() error {
	select {
	case <-p.done:
		return p.err
	default:
		return nil
	}
}
