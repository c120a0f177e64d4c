package envoy

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"bartizan/envoy/admin"
	"bartizan/test/await"
)

// parentDir is the environment variable that makes this test binary a parent of an Envoy, to be killed.
const parentDir = "BARTIZAN_TEST_PARENT_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(parentDir); dir != "" {
		beParent(dir)
	}
	os.Exit(m.Run())
}

// beParent starts an Envoy, tells its pid, and waits to be killed.
func beParent(dir string) {
	p, err := Start(context.Background(), testConfig(dir))
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(p.PID())
	<-p.Done()
	os.Exit(1)
}

func TestEnvoyDiesWithItsParent(t *testing.T) {
	dir := shortDir(t)
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), parentDir+"="+dir)
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatalf("the parent says %q", line)
	}
	parent.Process.Kill()
	parent.Wait()
	if runtime.GOOS != "linux" {
		start(t, testConfig(dir)) // there the next Start in the same directory is what ends it
	}
	waitGone(t, pid)
}

func TestStartEndsAnOrphan(t *testing.T) {
	c := testConfig(shortDir(t)).withDefaults()
	binary, err := c.binary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := privateDir(c.RunDir); err != nil {
		t.Fatal(err)
	}
	file, err := WriteBootstrap(c)
	if err != nil {
		t.Fatal(err)
	}
	orphan := exec.Command(binary, c.args(file)...)
	if err := orphan.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- orphan.Wait() }()
	defer orphan.Process.Kill()
	waitAdmin(t, c)

	start(t, c)
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("the orphan ended with %v", err)
		}
	case <-time.After(await.Patience):
		t.Error("the orphan still runs")
	}
}

// waitAdmin waits until an admin interface answers in c's run directory.
func waitAdmin(t *testing.T, c Config) {
	t.Helper()
	a := admin.New(c.AdminSocket())
	defer a.Close()
	await.Until(t, "the admin interface", func() bool {
		_, err := a.Do(t.Context(), http.MethodGet, "/stats?filter=none")
		return err == nil
	})
}

// waitGone waits until there is no process of that id, or only its remains that init has not collected.
func waitGone(t *testing.T, pid int) {
	t.Helper()
	await.Until(t, fmt.Sprintf("the end of process %d", pid), func() bool {
		stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return syscall.Kill(pid, 0) != nil || strings.Contains(string(stat), ") Z ")
	})
}
