// Package state is the folder that a gateway on one machine keeps its state in: records, provider credentials, the sockets at which
// Envoy and the services meet, and the addresses where the gateway serves.
//
// One process at a time runs a gateway with a folder; others find it there. The folder is for its owner alone (mode 0700).
package state

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/alecthomas/kong"
	"golang.org/x/sys/unix"
)

// Folder is the flag that names it.
type Folder struct {
	State string `type:"path" default:".bartizan/state" env:"BARTIZAN_STATE" help:"Folder for records, provider credentials and sockets."`
}

// StateFlag is what other commands have to be told to find the folder, with a space before it; nothing where they find it by themselves.
func (f Folder) StateFlag() string {
	if f.State == kong.ExpandPath(cmp.Or(os.Getenv("BARTIZAN_STATE"), ".bartizan/state")) {
		return ""
	}
	return " --state " + f.State
}

// Socket is the path of a Unix socket.
func (f Folder) Socket(name string) string { return filepath.Join(f.State, "run", name) }

// Lock makes the folder and takes it for this process, whose end lets go of it.
func (f Folder) Lock() (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Join(f.State, "run"), 0o700); err != nil {
		return nil, fmt.Errorf("make state folder: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(f.State, "up.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock state folder: %w", err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		return nil, fmt.Errorf("a gateway runs with state folder %s already: end it, or give another --state", f.State)
	}
	forget := func() { _ = os.Remove(f.endpoints()) }
	forget() // of a gateway that was killed
	return func() { forget(); lock.Close() }, nil
}

// endpoints is the file that tells other programs where the gateway serves. It is there while it does.
func (f Folder) endpoints() string { return filepath.Join(f.State, "endpoints.json") }

// Publish leaves the addresses of the listeners for other programs. Who waits for the file never reads half of it. It holds the addresses
// of the start; a commit may move them.
func (f Folder) Publish(listeners map[string]string, commit string) error {
	raw, err := json.MarshalIndent(map[string]any{"listeners": listeners, "commit": commit}, "", "  ")
	if err == nil {
		err = os.WriteFile(f.endpoints()+".new", append(raw, '\n'), 0o600)
	}
	if err == nil {
		err = os.Rename(f.endpoints()+".new", f.endpoints())
	}
	if err != nil {
		return fmt.Errorf("write endpoints: %w", err)
	}
	return nil
}
