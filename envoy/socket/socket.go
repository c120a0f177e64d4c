// Package socket opens the addresses at which Envoy and the services behind it meet: "unix:/path" or "host:port".
//
// A Unix socket is for its owner alone (mode 0600), and what a former process left at its path is replaced: keep it in a folder that
// nobody else may write. On TCP both sides prove who they are ([Trust]), unless plaintext is asked for by name. Functions are safe for
// concurrent use.
package socket

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
)

const unixPrefix = "unix:"

// IsUnix tells whether an address is a Unix socket. On anything else both sides have to prove who they are.
func IsUnix(address string) bool { return strings.HasPrefix(address, unixPrefix) }

// Listen opens an address.
func Listen(address string) (net.Listener, error) {
	path, isUnix := strings.CutPrefix(address, unixPrefix)
	if !isUnix {
		l, err := net.Listen("tcp", address)
		if err != nil {
			return nil, fmt.Errorf("listen on %s: %w", address, err)
		}
		return l, nil
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("replace socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, fmt.Errorf("protect socket: %w", err)
	}
	return l, nil
}

// Free reports whether nobody listens on a TCP address. Port 0 always is free; a Unix socket is, since its owner replaces it.
func Free(address string) error {
	if IsUnix(address) {
		return nil
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	return listener.Close()
}
