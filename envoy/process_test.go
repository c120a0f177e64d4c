package envoy

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"bartizan/test/await"
)

// These tests run the real Envoy, found or installed as everywhere else.

// shortDir is a directory whose path leaves room for socket names: t.TempDir's holds the test's name.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "bz")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func testConfig(dir string) Config {
	return Config{
		RunDir:        filepath.Join(dir, "envoy"),
		ControlServer: "unix:" + filepath.Join(dir, "xds.sock"),
		ExtProcSocket: filepath.Join(dir, "extproc.sock"),
		Concurrency:   1,
	}
}

// start starts an Envoy that the test's end stops, however the test ends.
func start(t *testing.T, c Config) *Process {
	t.Helper()
	p, err := Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		<-p.Done()
	})
	return p
}

func ready(t *testing.T, p *Process, listeners int, limit time.Duration) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	return p.Ready(ctx, listeners)
}

// get asks the hello listener for an answer after so many milliseconds.
func get(address, delay string) (status int, body string, err error) {
	req, err := http.NewRequest(http.MethodGet, "http://"+address+"/", nil)
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("X-Envoy-Fault-Delay-Request", delay)
	resp, err := new(http.Transport).RoundTrip(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(data), err
}

// helloAddress waits until p serves, and returns where.
func helloAddress(t *testing.T, p *Process) string {
	t.Helper()
	if err := ready(t, p, 1, await.Patience); err != nil {
		t.Fatal(err)
	}
	listeners, err := p.Listeners(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return listeners["hello"]
}

func TestEnvoyServesDrainsAndStops(t *testing.T) {
	dir := shortDir(t)
	control := newControlServer(t, dir)
	control.serve(t, "1", helloListener(t, "hello", 0))
	p := start(t, testConfig(dir))
	address := helloAddress(t, p)
	if status, body, err := get(address, "0"); status != 200 || body != "hello" || err != nil {
		t.Fatalf("%d %q, %v from %s", status, body, err, address)
	}
	checkPrivate(t, p)

	slow := make(chan string, 1)
	go func() { _, body, _ := get(address, "3000"); slow <- body }()
	waitActive(t, p)
	if err := p.Stop(t.Context()); err != nil {
		t.Errorf("stop: %v", err)
	}
	if body := <-slow; body != "hello" {
		t.Errorf("a request in flight at Stop got %q", body)
	}
	if _, err := net.Dial("tcp", address); err == nil {
		t.Errorf("%s still answers", address)
	}
	if err := errors.Join(p.Err(), p.Stop(t.Context())); err != nil {
		t.Errorf("after the stop: %v", err)
	}
}

// checkPrivate checks the modes in the run directory and what the admin interface offers.
func checkPrivate(t *testing.T, p *Process) {
	t.Helper()
	for _, name := range []string{"admin.sock", "envoy.json"} {
		info, err := os.Stat(filepath.Join(p.config.RunDir, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v, want mode 0600", name, info.Mode(), err)
		}
	}
	_, err := p.admin.Do(t.Context(), http.MethodPost, "/logging?level=debug")
	wantError(t, err, "status 403")
	_, err = p.admin.Do(t.Context(), http.MethodGet, "/config_dump")
	wantError(t, err, "status 403")
}

func waitActive(t *testing.T, p *Process) {
	t.Helper()
	await.Until(t, "the slow request to arrive", func() bool {
		n, err := p.admin.Active(t.Context())
		return err == nil && n == 1
	})
}

func TestStopDoesNotWaitForEver(t *testing.T) {
	dir := shortDir(t)
	newControlServer(t, dir).serve(t, "1", helloListener(t, "hello", 0))
	c := testConfig(dir)
	c.StopTime = 100 * time.Millisecond
	p := start(t, c)
	address := helloAddress(t, p)
	ended := make(chan error, 1)
	go func() { _, _, err := get(address, "60000"); ended <- err }()
	waitActive(t, p)
	if err := p.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-ended; err == nil {
		t.Error("a request of a minute was answered")
	}
}

func TestReadyNamesThePortThatIsTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := shortDir(t)
	control := newControlServer(t, dir)
	control.serve(t, "1", helloListener(t, "hello", uint32(taken.Addr().(*net.TCPAddr).Port)))
	p := start(t, testConfig(dir))
	await.Until(t, "the control server to know", func() bool { return control.nack.Load() != nil })
	err = ready(t, p, 1, time.Second)
	wantError(t, err, "0 of 1 listeners active")
	wantError(t, err, "cannot bind '"+taken.Addr().String()+"': Address already in use")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v is not a deadline", err)
	}
	if nack := *control.nack.Load(); !strings.Contains(nack, "Address already in use") {
		t.Errorf("the control server knows: %s", nack)
	}
}

func TestReadyWaitsForTheControlServer(t *testing.T) {
	p := start(t, testConfig(shortDir(t)))
	waitAdmin(t, p.config)
	wantError(t, ready(t, p, 0, time.Second), "PRE_INITIALIZING")
}

func TestOneEnvoyARunDirectory(t *testing.T) {
	c := testConfig(shortDir(t))
	start(t, c)
	_, err := Start(t.Context(), c)
	wantError(t, err, "another process holds the lock")
}

func TestAnUnexpectedEndIsAnError(t *testing.T) {
	c := testConfig(shortDir(t))
	p := start(t, c)
	if err := syscall.Kill(p.PID(), syscall.SIGABRT); err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	wantError(t, p.Err(), "envoy ended by itself: signal: aborted")
	wantError(t, ready(t, p, 0, time.Minute), "envoy ended by itself")
	wantError(t, p.Stop(t.Context()), "envoy ended by itself")
	start(t, c) // the run directory is free again
}

func TestStartRefuses(t *testing.T) {
	c := testConfig(shortDir(t))
	_, err := Start(t.Context(), Config{})
	wantError(t, err, "RunDir is not set")

	c.Binary = script(t, filepath.Join(t.TempDir(), "old"), strings.Replace(sayVersion, "1.40.0", "1.38.0", 1))
	_, err = Start(t.Context(), c)
	wantError(t, err, "is Envoy 1.38.0")

	c.Binary = script(t, filepath.Join(t.TempDir(), "crash"), `[ "$1" = --version ] && { `+sayVersion+`; exit; }; echo "[critical][main] no luck"; exit 3`)
	p := start(t, c)
	<-p.Done()
	wantError(t, p.Err(), "envoy ended by itself: exit status 3: no luck")

	if err := os.Chmod(c.RunDir, 0o777); err != nil {
		t.Fatal(err)
	}
	_, err = Start(t.Context(), c)
	wantError(t, err, "another user owns it or may write to it (mode 0777)")
}

func TestAStuckEnvoyIsKilled(t *testing.T) {
	t.Setenv("MODEL_API_KEY", "sesame")
	c := testConfig(shortDir(t))
	seen := filepath.Join(t.TempDir(), "env")
	c.Binary = script(t, filepath.Join(t.TempDir(), "stuck"),
		`[ "$1" = --version ] && { `+sayVersion+`; exit; }; trap "" TERM; env > `+seen+`.tmp; mv `+seen+`.tmp `+seen+`; while :; do sleep 0.1; done`)
	p := start(t, c)
	await.Until(t, "the stuck Envoy to start", func() bool { return exists(seen) })
	if env, _ := os.ReadFile(seen); strings.Contains(string(env), "sesame") {
		t.Error("Envoy sees a credential of ours")
	}
	p.quit(t.Context(), 100*time.Millisecond)
	wantError(t, p.Stop(t.Context()), "signal: killed")
}
