package source

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	gogit "github.com/go-git/go-git/v5"
	"golang.org/x/crypto/ssh"
)

// sshForge is an SSH server that lets one key run git upload-pack, as forges do.
type sshForge struct {
	address string
	host    ssh.Signer
	config  *ssh.ServerConfig
	root    string
	wait    sync.WaitGroup
}

func newKey(t *testing.T) (ssh.Signer, []byte) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "test")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return signer, pem.EncodeToMemory(block)
}

func newSSHForge(t *testing.T, root string, admitted ssh.PublicKey) *sshForge {
	t.Helper()
	host, _ := newKey(t)
	f := &sshForge{host: host, root: root, config: &ssh.ServerConfig{PublicKeyCallback: func(c ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if c.User() == "git" && string(key.Marshal()) == string(admitted.Marshal()) {
			return &ssh.Permissions{}, nil
		}
		return nil, fmt.Errorf("who is %s?", c.User())
	}}}
	f.config.AddHostKey(host)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.address = l.Addr().String()
	f.wait.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			f.wait.Go(func() { f.serve(conn) })
		}
	})
	t.Cleanup(func() { l.Close(); f.wait.Wait() })
	return f
}

func (f *sshForge) serve(conn net.Conn) {
	defer conn.Close()
	_, channels, requests, err := ssh.NewServerConn(conn, f.config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for incoming := range channels {
		channel, requests, err := incoming.Accept()
		if err != nil {
			return
		}
		f.run(channel, requests)
	}
}

// run obeys the one command that a fetch is.
func (f *sshForge) run(channel ssh.Channel, requests <-chan *ssh.Request) {
	defer channel.Close()
	for req := range requests {
		if req.Type != "exec" {
			_ = req.Reply(req.Type == "env", nil)
			continue
		}
		command := string(req.Payload[4 : 4+binary.BigEndian.Uint32(req.Payload)])
		path := strings.Trim(strings.TrimPrefix(command, "git-upload-pack "), "'")
		_ = req.Reply(true, nil)
		git := exec.Command("git", "upload-pack", filepath.Join(f.root, filepath.Base(path)))
		git.Stdout, git.Stderr = channel, channel.Stderr()
		in, err := git.StdinPipe()
		if err == nil && git.Start() == nil {
			go func() { _, _ = io.Copy(in, channel); in.Close() }()
			_ = git.Wait()
		}
		_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(max(git.ProcessState.ExitCode(), 0))}))
		return
	}
}

// TestSSH fetches with a key from a folder, from a server that known_hosts knows, and from no other.
func TestSSH(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("no git")
	}
	u := newUpstream(t)
	one := u.commit(map[string]string{"a.yaml": "1"})
	root := t.TempDir()
	if _, err := gogit.PlainClone(filepath.Join(root, "p.git"), true, &gogit.CloneOptions{URL: u.dir}); err != nil {
		t.Fatal(err)
	}
	signer, private := newKey(t)
	_, foreign := newKey(t)
	stranger, _ := newKey(t)
	forge := newSSHForge(t, root, signer.PublicKey())
	known := func(key ssh.Signer) string {
		host, port, _ := net.SplitHostPort(forge.address)
		return fmt.Sprintf("[%s]:%s %s", host, port, ssh.MarshalAuthorizedKey(key.PublicKey()))
	}
	for _, c := range []struct{ name, key, hosts, want string }{
		{"as it should be", string(private), known(forge.host), ""},
		{"another key", string(foreign), known(forge.host), "unable to authenticate"},
		{"another server", string(private), known(stranger), "knownhosts: key mismatch"},
		{"an unknown server", string(private), "# nobody\n", "knownhosts: key is unknown"},
		{"no known_hosts", string(private), "", "known_hosts"},
		{"no key", "", known(forge.host), "ssh-privatekey"},
	} {
		dir := t.TempDir()
		for name, content := range map[string]string{"ssh-privatekey": c.key, "known_hosts": c.hosts} {
			if content == "" {
				continue
			}
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		s, err := NewGit(Git{URL: "ssh://git@" + forge.address + "/p.git", Credentials: dir})
		if err != nil {
			t.Fatal(err)
		}
		tree, err := s.Load(t.Context())
		switch {
		case c.want == "" && (err != nil || tree.Commit != one):
			t.Errorf("%s: %s, %v", c.name, tree.Commit, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
}
