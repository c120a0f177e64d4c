package tail

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"bartizan/envoy/state"
	"bartizan/extproc/audit/natsd"
	"bartizan/extproc/audit/stream"
)

// Records find the NATS that holds the records: by default the embedded one of a gateway on this machine.
type Records struct {
	state.Folder
	stream.ServerFlags
}

// Connect connects for reading. The caller closes the connection.
func (f Records) Connect() (*nats.Conn, error) {
	at := f.Server()
	if at.URL == "" {
		var err error
		if at.URL, err = natsd.ReadURL(filepath.Join(f.State, "nats")); errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("no gateway has run with state folder %s: give --state or --nats-url", f.State)
		} else if err != nil {
			return nil, err
		}
	}
	opts, err := at.Options()
	if err != nil {
		return nil, err
	}
	nc, err := nats.Connect(at.URL, append(opts, nats.Name("bartizan"), nats.MaxReconnects(-1))...)
	if errors.Is(err, nats.ErrNoServers) && f.NATSURL == "" {
		return nil, fmt.Errorf("the gateway of state folder %s does not run: its records are read while it does", f.State)
	} else if err != nil {
		return nil, fmt.Errorf("connect to NATS: %w", err)
	}
	return nc, nil
}

// OrNone says what it means that there is no stream: a gateway makes it with its first record.
func OrNone(err error) error {
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return errors.New("there is no record yet")
	}
	return err
}
