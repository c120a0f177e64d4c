package starter_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5"
	"github.com/google/go-cmp/cmp"

	"bartizan/xds"
	"bartizan/xds/starter"
)

// TestWrite: what is written compiles, as committed and as it lies there, and names its secrets so that `up` finds them.
func TestWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "policies")
	if err := starter.Write(dir, starter.NewKey("ana@example.com", []string{"finance"}).YAML); err != nil {
		t.Fatal(err)
	}
	for _, watch := range []bool{false, true} {
		loaded, err := xds.Repository{Location: dir, Watch: watch}.Load(t.Context(), xds.Options{SecretsDir: "/s"})
		if err != nil {
			t.Fatal(err)
		}
		if got := loaded.Summary(); got != "1 listener, 2 providers, 0 MCP servers, 3 policies, 1 model access, 2 secrets" {
			t.Error(got)
		}
		missing, err := loaded.WriteSecrets(t.TempDir(), func(string) (string, bool) { return "", false })
		want := []xds.Secret{{Name: "anthropic-api-key", Variable: "ANTHROPIC_API_KEY"}, {Name: "openai-api-key", Variable: "OPENAI_API_KEY"}}
		if d := cmp.Diff(want, missing); err != nil || d != "" {
			t.Errorf("%v %s", err, d)
		}
	}
	repo, err := git.PlainOpen(dir)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := repo.Worktree()
	if err != nil {
		t.Fatal(err)
	}
	if state, err := tree.Status(); err != nil || !state.IsClean() {
		t.Errorf("not all is committed: %v %v", state, err)
	}
}

// TestWriteSpares: what is there stays as it is.
func TestWriteSpares(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "mine")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, place := range []string{dir, file} {
		if err := starter.Write(place, ""); err == nil {
			t.Errorf("%s was taken", place)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("the folder holds %v, %v", entries, err)
	}
}

// TestNewKey: whoever the user is, the entry is sound and gives nothing of the key away.
func TestNewKey(t *testing.T) {
	for _, user := range []string{"ana@example.com", "--", `"quoted": {x}`, "Änne\n- name: b", strings.Repeat("x", 99), "#", "é\x07\\"} {
		key := starter.NewKey(user, []string{"a", `b"], user: "root`})
		dir := filepath.Join(t.TempDir(), "p")
		if err := starter.Write(dir, key.YAML); err != nil {
			t.Fatal(err)
		}
		if _, err := (xds.Repository{Location: dir}).Load(t.Context(), xds.Options{SecretsDir: "/s"}); err != nil {
			t.Errorf("user %q: %v\n%s", user, err, key.YAML)
		}
		if !strings.Contains(key.YAML, fmt.Sprintf("sha256: %x\n", sha256.Sum256([]byte(key.Text)))) {
			t.Errorf("no hash of the key in %s", key.YAML)
		}
		for i := 3; i+6 <= len(key.Text); i++ { // past "bz-"
			if part := key.Text[i : i+6]; strings.Contains(key.YAML, part) && !strings.Contains(user, part) {
				t.Errorf("a part of the key %s stands in %s", key.Text, key.YAML)
			}
		}
	}
	if a, b := starter.NewKey("a", nil), starter.NewKey("a", nil); a.Text == b.Text || len(a.Text) != len("bz-")+52 {
		t.Errorf("keys %s %s", a.Text, b.Text)
	}
}
