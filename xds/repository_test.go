package xds_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bartizan/filters/manifest"
	"bartizan/xds"
)

const policies = `apiVersion: bartizan/v1
kind: Gateway
metadata: { name: g }
spec: { listeners: [{ name: http, port: PORT }] }
---
apiVersion: bartizan/v1
kind: Provider
metadata: { name: claude }
spec: { dialect: anthropic, url: "https://a.example", operations: [messages], credential: { secret: a-key } }
---
apiVersion: bartizan/v1
kind: Provider
metadata: { name: gpt }
spec: { dialect: openai, url: "https://b.example", operations: [chat.completions], credential: { secret: b-key } }
---
apiVersion: bartizan/v1
kind: McpServer
metadata: { name: warehouse }
spec: { url: "https://c.example/mcp" }
`

func load(t *testing.T, port string) *xds.Loaded {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.yaml"), []byte(strings.Replace(policies, "PORT", port, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	loaded, err := xds.Repository{Location: dir}.Load(t.Context(), xds.Options{SecretsDir: "/s"})
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

// TestWriteSecrets: the environment wins, an older file stays, and an empty one counts as none.
func TestWriteSecrets(t *testing.T) {
	loaded, dir := load(t, "0"), filepath.Join(t.TempDir(), "secrets")
	write := func(env map[string]string) []xds.Secret {
		t.Helper()
		missing, err := loaded.WriteSecrets(dir, func(name string) (string, bool) { v, ok := env[name]; return v, ok })
		if err != nil {
			t.Fatal(err)
		}
		return missing
	}
	b := []xds.Secret{{Name: "b-key", Variable: "B_KEY"}}
	if d := cmp.Diff(b, write(map[string]string{"A_KEY": "1", "OTHER": "2"})); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(b, write(map[string]string{"B_KEY": ""})); d != "" { // the file of before is still empty
		t.Error(d)
	}
	if missing := write(map[string]string{"B_KEY": "3"}); missing != nil {
		t.Error(missing)
	}
	for name, want := range map[string]string{"a-key": "1", "b-key": "3"} {
		path := filepath.Join(dir, name)
		raw, err := os.ReadFile(path)
		if err != nil || string(raw) != want {
			t.Errorf("%s holds %q, %v; want %q", name, raw, err, want)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("the folder holds %v, %v", entries, err)
	}
}

func TestWriteClients(t *testing.T) {
	var b strings.Builder
	if err := load(t, "0").WriteClients(&b, xds.Listener{}, "0.0.0.0:8080"); err != nil {
		t.Fatal(err)
	}
	want := `
  claude, with Claude Code:
    env -u ANTHROPIC_API_KEY ANTHROPIC_BASE_URL=http://localhost:8080/claude ANTHROPIC_AUTH_TOKEN=<virtual key> claude

  gpt, with an OpenAI SDK:
    export OPENAI_BASE_URL=http://localhost:8080/gpt/v1 OPENAI_API_KEY=<virtual key>

  warehouse, with an MCP client (Streamable HTTP):
    claude mcp add --transport http warehouse http://localhost:8080/mcp/warehouse --header "Authorization: Bearer <virtual key>"
`
	if d := cmp.Diff(want, b.String()); d != "" {
		t.Error(d)
	}
}

func TestFree(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	loaded := load(t, port)
	if err := loaded.Free(); err == nil || !strings.Contains(err.Error(), "listener http") || !strings.Contains(err.Error(), taken.Addr().String()) {
		t.Errorf("taken: %v", err)
	}
	taken.Close()
	if err := loaded.Free(); err != nil {
		t.Errorf("free: %v", err)
	}
	if err := load(t, "0").Free(); err != nil {
		t.Errorf("port 0: %v", err)
	}
}

// TestLoadErrors: one line, which says what to do; mistakes in files have their own type.
func TestLoadErrors(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		repository xds.Repository
		want       string
	}{
		{xds.Repository{}, "no policy repository is named"},
		{xds.Repository{Location: "nowhere"}, "make one with `bartizan init nowhere`"},
		{xds.Repository{Location: dir}, "no *.yaml or *.yml file in it"},
		{xds.Repository{Location: dir, Branch: "b"}, "it has no branch b"},
		{xds.Repository{Location: "git@localhost:1/x.git", Branch: "b"}, "git@localhost:1/x.git"},
	} {
		_, err := c.repository.Load(t.Context(), xds.Options{})
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%+v: %v, want %s", c.repository, err, c.want)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "a.yaml"), []byte("kind: Nonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := xds.Repository{Location: dir}.Load(t.Context(), xds.Options{})
	if mistakes, ok := err.(manifest.Errors); !ok || mistakes[0].File != "a.yaml" { //nolint:errorlint // Load returns it as it is
		t.Errorf("%v", err)
	}
}
