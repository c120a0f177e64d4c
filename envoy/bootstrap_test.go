package envoy

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func goldenConfig() Config {
	return Config{
		RunDir:        "/run/bartizan",
		ControlServer: "unix:/run/bartizan/xds.sock",
		ExtProcSocket: "/run/bartizan/extproc.sock",
	}
}

func TestBootstrapGolden(t *testing.T) {
	got, err := BootstrapJSON(goldenConfig())
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/bootstrap.golden.json"
	if os.Getenv("UPDATE_GOLDEN") == "1" {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("bootstrap (-want +got):\n%s", diff)
	}
}

func TestBootstrapTakesWhatIsConfigured(t *testing.T) {
	c := goldenConfig()
	c.NodeID, c.Cluster, c.HeapBytes, c.MaxConnections = "laptop-7", "laptops", 256<<20, 77
	got, err := BootstrapJSON(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"id": "laptop-7"`, `"cluster": "laptops"`, `"max_heap_size_bytes": "268435456"`, `"max_active_downstream_connections": "77"`,
	} {
		if !strings.Contains(string(got), want) {
			t.Errorf("bootstrap lacks %s", want)
		}
	}
}

func TestValidate(t *testing.T) {
	tests := []struct {
		name string
		edit func(*Config)
		want string // "" means valid
	}{
		{"the least", func(*Config) {}, ""},
		{"103 bytes of path", func(c *Config) { c.ControlServer = "unix:/" + strings.Repeat("x", 102) }, ""},
		{
			"104 bytes of path", func(c *Config) { c.ControlServer = "unix:/" + strings.Repeat("x", 103) },
			"the path of the xds socket has 104 bytes and a Unix socket holds 103",
		},
		{"long run dir", func(c *Config) { c.RunDir = "/" + strings.Repeat("x", 95) }, "the path of the admin socket has 107 bytes"},
		{"no run dir", func(c *Config) { c.RunDir = "" }, "RunDir is not set"},
		{"no ext_proc socket", func(c *Config) { c.ExtProcSocket = "" }, "no path for the ext_proc socket"},
		{"relative", func(c *Config) { c.ExtProcSocket = "run/x.sock" }, "the ext_proc socket needs an absolute path, not run/x.sock"},
		{"debug log", func(c *Config) { c.LogLevel = "debug" }, "credentials included"},
		{"unknown log level", func(c *Config) { c.LogLevel = "loud" }, `LogLevel is "loud", want`},
		{"drain of half a second", func(c *Config) { c.DrainTime = time.Second / 2 }, "DrainTime is 500ms, want whole seconds"},
		{"tiny heap", func(c *Config) { c.HeapBytes = 1 << 20 }, "HeapBytes is 1048576, want 0 or at least"},
		{"negative workers", func(c *Config) { c.Concurrency = -1 }, "Concurrency is -1"},
		{"negative connections", func(c *Config) { c.MaxConnections = -1 }, "MaxConnections is -1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := goldenConfig()
			tt.edit(&c)
			wantError(t, c.Validate(), tt.want)
			_, err := Bootstrap(c)
			wantError(t, err, tt.want)
		})
	}
}

func TestValidateReportsAllAtOnce(t *testing.T) {
	err := Config{LogLevel: "trace"}.Validate()
	for _, want := range []string{"RunDir", "no address of the control server", "ext_proc socket", "LogLevel"} {
		wantError(t, err, want)
	}
}

// wantError checks that err says want, in one of its lines; "" means that there is no error.
func wantError(t *testing.T, err error, want string) {
	t.Helper()
	switch {
	case err == nil && want != "":
		t.Errorf("no error, want one that says %q", want)
	case err != nil && want == "":
		t.Errorf("error %v, want none", err)
	case err != nil && !strings.Contains(err.Error(), want):
		t.Errorf("error %q, want one that says %q", err, want)
	}
}
