package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// child is a process that runs as long as we want, and not longer than we do.
type child struct {
	name string
	cmd  *exec.Cmd
	log  tailBuffer
	done chan struct{}
}

// startChild starts a process. Its output is kept; out, where it is not nil, gets its standard output instead.
func startChild(name string, out io.Writer, env []string, binary string, args ...string) (*child, error) {
	c := &child{name: name, cmd: exec.Command(binary, args...), done: make(chan struct{})}
	c.cmd.Stdout, c.cmd.Stderr = &c.log, &c.log
	if out != nil {
		c.cmd.Stdout = out
	}
	c.cmd.Env = append(os.Environ(), env...)
	c.cmd.WaitDelay = time.Second
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		defer close(c.done)
		runtime.LockOSThread() // the kernel's idea of a parent that dies is the thread
		defer runtime.UnlockOSThread()
		err := c.cmd.Start()
		started <- err
		if err == nil {
			_ = c.cmd.Wait() // the log says why
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return c, nil
}

func (c *child) pid() int { return c.cmd.Process.Pid }

// awaitFile waits until path exists.
func (c *child) awaitFile(ctx context.Context, path string) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := os.Stat(path); err == nil {
			return nil
		}
		select {
		case <-c.done:
			return fmt.Errorf("%s ended:\n%s", c.name, c.log.String())
		case <-ctx.Done():
			return fmt.Errorf("%s made no %s: %w", c.name, path, ctx.Err())
		case <-tick.C:
		}
	}
}

func (c *child) kill() {
	_ = c.cmd.Process.Kill() // it may have ended
	<-c.done
}

// tailBuffer keeps the last bytes written to it.
type tailBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

const maxLog = 256 << 10

func (b *tailBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.buf.Len()+len(p) > maxLog {
		b.buf.Next(b.buf.Len() / 2)
	}
	return b.buf.Write(p)
}

func (b *tailBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
