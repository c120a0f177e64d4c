package socket_test

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"bartizan/envoy/socket"
)

func TestListenUnix(t *testing.T) {
	dir, err := os.MkdirTemp("", "sock") // short: a Unix socket's path is bounded
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	for range 2 { // the second finds what a killed process would leave behind
		l, err := socket.Listen("unix:" + path)
		if err != nil {
			t.Fatal(err)
		}
		l.(*net.UnixListener).SetUnlinkOnClose(false)
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v, error %v", info.Mode(), err)
		}
		l.Close()
	}
	if _, err := socket.Listen("unix:" + filepath.Join(dir, "no", "such", "folder")); err == nil {
		t.Error("listened in a folder that is not there")
	}
}

func TestFree(t *testing.T) {
	l, err := socket.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := socket.Free(l.Addr().String()); err == nil {
		t.Error("a taken port is said to be free")
	}
	l.Close()
	for _, address := range []string{l.Addr().String(), "127.0.0.1:0", "unix:/nowhere"} {
		if err := socket.Free(address); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
}
