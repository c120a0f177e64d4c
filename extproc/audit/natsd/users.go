package natsd

import (
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
)

const (
	readerName  = "reader"
	gatewayName = "gateway"
)

// users are the passwords of the two users.
type users struct{ reader, gateway string }

// loadUsers keeps the passwords of an earlier run, so that clients may reconnect, and draws what is missing.
func loadUsers(dir string) (users, error) {
	reader, err := password(filepath.Join(dir, ReaderFile))
	if err != nil {
		return users{}, err
	}
	gateway, err := password(filepath.Join(dir, GatewayFile))
	return users{reader: reader, gateway: gateway}, err
}

func password(file string) (string, error) {
	b, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		return "", err
	}
	if _, p := credentials(strings.TrimSpace(string(b))); len(p) >= 26 {
		return p, nil
	}
	return rand.Text(), nil // 26 characters, 130 bits
}

func credentials(raw string) (user, password string) {
	u, err := url.Parse(raw)
	if err != nil || u.User == nil {
		return "", ""
	}
	password, _ = u.User.Password()
	return u.User.Username(), password
}

func (u users) urls(addr string) (reader, gateway string) {
	make := func(name, password string) string {
		return (&url.URL{Scheme: "nats", User: url.UserPassword(name, password), Host: addr}).String()
	}
	return make(readerName, u.reader), make(gatewayName, u.gateway)
}

func (u users) save(dir, reader, gateway string) error {
	for name, content := range map[string]string{ReaderFile: reader, GatewayFile: gateway} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path+".tmp", []byte(content+"\n"), 0o600); err != nil {
			return err
		}
		if err := os.Rename(path+".tmp", path); err != nil {
			return err
		}
	}
	return nil
}

// ReadURL reads the URL that a server has written into its state directory, for `bartizan tail`.
func ReadURL(stateDir string) (string, error) {
	b, err := os.ReadFile(filepath.Join(stateDir, ReaderFile))
	if err != nil {
		return "", fmt.Errorf("read nats url (is the gateway running?): %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// accounts says what each user may do. Deleting is nobody's right: JetStream's own flags do not keep a stream from being deleted.
func (u users) accounts() []*server.User {
	reader := &server.Permissions{
		Publish: &server.SubjectPermission{Allow: []string{
			"$JS.API.INFO", "$JS.API.STREAM.INFO.AUDIT", "$JS.API.DIRECT.GET.AUDIT", "$JS.API.DIRECT.GET.AUDIT.>",
			"$JS.API.CONSUMER.CREATE.AUDIT", "$JS.API.CONSUMER.CREATE.AUDIT.>", "$JS.API.CONSUMER.INFO.AUDIT.*",
			"$JS.API.CONSUMER.MSG.NEXT.AUDIT.*", "$JS.API.CONSUMER.DELETE.AUDIT.*", "$JS.ACK.AUDIT.>", "$JS.FC.>",
		}},
		Subscribe: &server.SubjectPermission{Allow: []string{"_INBOX.>"}},
	}
	gateway := &server.Permissions{
		Publish: &server.SubjectPermission{Deny: []string{
			"$JS.API.STREAM.DELETE.>", "$JS.API.STREAM.PURGE.>", "$JS.API.STREAM.MSG.DELETE.>", "$JS.API.STREAM.RESTORE.>",
			"$JS.API.STREAM.UPDATE.AUDIT",
		}},
	}
	return []*server.User{
		{Username: readerName, Password: u.reader, Permissions: reader},
		{Username: gatewayName, Password: u.gateway, Permissions: gateway},
	}
}
