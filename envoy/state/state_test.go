package state_test

import (
	"os"
	"path/filepath"
	"testing"

	"bartizan/envoy/state"
)

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
