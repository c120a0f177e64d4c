package source

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/transport"
	"github.com/go-git/go-git/v5/plumbing/transport/http"
	"github.com/go-git/go-git/v5/plumbing/transport/ssh"
)

// credentials are files in a folder, as Kubernetes mounts a Secret of type basic-auth or ssh-auth: username (empty or absent: "git", which
// forges accept with a token) and password, or ssh-privatekey and known_hosts; and ca.crt, where a forge has an authority of its own. They
// are read at each look, so that what is renewed is taken up. The zero value has none.
type credentials struct{ dir string }

// for an endpoint; nil leaves it to the transport's own ways (an SSH agent, or nobody).
func (c credentials) auth(at *transport.Endpoint) (transport.AuthMethod, error) {
	if c.dir == "" {
		return nil, nil
	}
	var method transport.AuthMethod
	var err error
	if at.Protocol == "ssh" {
		method, err = c.ssh(at)
	} else {
		method, err = c.basic()
	}
	if err != nil {
		return nil, fmt.Errorf("read Git credentials: %w", err)
	}
	return method, nil
}

func (c credentials) basic() (transport.AuthMethod, error) {
	user, err := c.optional("username")
	if err != nil {
		return nil, err
	}
	password, err := c.read("password")
	if errors.Is(err, fs.ErrNotExist) && user == "" {
		return nil, nil // only an authority, for a repository that everybody may read
	}
	if err != nil {
		return nil, err
	}
	if user == "" {
		user = "git"
	}
	return &http.BasicAuth{Username: user, Password: password}, nil
}

// ssh wants known_hosts: a server that nobody knows may have any policies.
func (c credentials) ssh(at *transport.Endpoint) (transport.AuthMethod, error) {
	key, err := c.read("ssh-privatekey")
	if err != nil {
		return nil, err
	}
	user := at.User
	if user == "" {
		user = "git"
	}
	keys, err := ssh.NewPublicKeys(user, []byte(key+"\n"), "")
	if err != nil {
		return nil, fmt.Errorf("ssh-privatekey: %w", err)
	}
	known, err := ssh.NewKnownHostsDb(filepath.Join(c.dir, "known_hosts"))
	if err != nil {
		return nil, fmt.Errorf("known_hosts: %w", err)
	}
	port := at.Port
	if port == 0 {
		port = ssh.DefaultPort
	}
	keys.HostKeyCallback = known.HostKeyCallback()
	keys.HostKeyAlgorithms = known.HostKeyAlgorithms(net.JoinHostPort(at.Host, strconv.Itoa(port)))
	return keys, nil
}

// authority is beside the machine's own; nil where there is none.
func (c credentials) authority() ([]byte, error) {
	if c.dir == "" {
		return nil, nil
	}
	text, err := c.optional("ca.crt")
	if err != nil {
		return nil, fmt.Errorf("read Git credentials: %w", err)
	}
	if text == "" {
		return nil, nil
	}
	return []byte(text + "\n"), nil
}

func (c credentials) read(name string) (string, error) {
	raw, err := os.ReadFile(filepath.Join(c.dir, name))
	return strings.TrimSpace(string(raw)), err
}

func (c credentials) optional(name string) (string, error) {
	text, err := c.read(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return text, err
}
