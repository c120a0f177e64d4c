package state_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/alecthomas/kong"

	"bartizan/envoy/state"
)

// TestStateFlag: a command that is given the flag, or nothing where there is none, finds the folder.
func TestStateFlag(t *testing.T) {
	for _, named := range []string{"", "named", "~/named"} {
		if t.Setenv("BARTIZAN_STATE", named); named == "" {
			os.Unsetenv("BARTIZAN_STATE")
		}
		for _, args := range [][]string{nil, {"--state", "given"}} {
			var folder state.Folder
			parser, err := kong.New(&folder)
			if err == nil {
				_, err = parser.Parse(args)
			}
			want := ""
			if args != nil {
				want = " --state " + folder.State
			}
			if got := folder.StateFlag(); got != want || err != nil {
				t.Errorf("BARTIZAN_STATE=%s, %q: %q, error %v", named, args, got, err)
			}
		}
	}
}

// TestOneGateway: a folder is one gateway's, and says where it serves for as long as that runs.
func TestOneGateway(t *testing.T) {
	folder := state.Folder{State: filepath.Join(t.TempDir(), "state")}
	unlock, err := folder.Lock()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := folder.Lock(); err == nil {
		t.Error("two gateways share a folder")
	}
	if info, err := os.Stat(filepath.Dir(folder.Socket("x.sock"))); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("folder of the sockets: %v, %v", info, err)
	}
	if err := folder.Publish(map[string]string{"main": "127.0.0.1:8080"}, "abc"); err != nil {
		t.Fatal(err)
	}
	const want = "{\n  \"commit\": \"abc\",\n  \"listeners\": {\n    \"main\": \"127.0.0.1:8080\"\n  }\n}\n"
	endpoints := filepath.Join(folder.State, "endpoints.json")
	if got, err := os.ReadFile(endpoints); err != nil || string(got) != want {
		t.Errorf("endpoints: %q, %v", got, err)
	}
	unlock()
	if _, err := os.Stat(endpoints); !os.IsNotExist(err) {
		t.Errorf("endpoints of a gateway that ended: %v", err)
	}
	if unlock, err = folder.Lock(); err != nil {
		t.Fatalf("after the end: %v", err)
	}
	unlock()
}
