package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Name and Subjects of the stream.
const (
	Name     = "AUDIT"
	Subjects = "audit.v1.>"
)

// Header names of a message. Nats-Msg-Id is the record's SHA-256 in hexadecimal.
const (
	HeaderProducer = "Bartizan-Producer"
	HeaderSequence = "Bartizan-Sequence"
)

// Config describes the stream. The zero value is usable.
type Config struct {
	MaxAge     time.Duration // 0: 30 days
	MaxBytes   int64         // 0: 8 GiB
	Replicas   int           // 0: 1
	Duplicates time.Duration // the window in which a message id is remembered; 0: 5 minutes (about 150 bytes of memory a record)

	// Managed says that somebody else creates the stream: it is used as it is.
	Managed bool
}

func (c Config) withDefaults() Config {
	if c.MaxAge <= 0 {
		c.MaxAge = 30 * 24 * time.Hour
	}
	if c.MaxBytes <= 0 {
		c.MaxBytes = 8 << 30
	}
	if c.Replicas <= 0 {
		c.Replicas = 1
	}
	if c.Duplicates <= 0 {
		c.Duplicates = 5 * time.Minute
	}
	return c
}

func (c Config) stream() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: Name, Subjects: []string{Subjects}, Description: "Bartizan audit records",
		Storage: jetstream.FileStorage, Retention: jetstream.LimitsPolicy, Replicas: c.Replicas,
		MaxAge: c.MaxAge, MaxBytes: c.MaxBytes, MaxMsgSize: 512 << 10,
		// A full stream pushes back, where discarding the oldest would destroy unread records.
		Discard: jetstream.DiscardNew, DenyDelete: true, DenyPurge: true,
		AllowAtomicPublish: true, AllowDirect: true, Duplicates: c.Duplicates, Compression: jetstream.S2Compression,
	}
}

// Ensure makes sure that the stream is there. A stream that exists is never changed: one that differs is used where it stores our
// subjects, with a warning.
func Ensure(ctx context.Context, js jetstream.JetStream, c Config, log *slog.Logger) error {
	c = c.withDefaults()
	found, err := js.Stream(ctx, Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) && !c.Managed {
		found, err = js.CreateStream(ctx, c.stream())
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // by another replica, meanwhile
			found, err = js.Stream(ctx, Name)
		}
	}
	if err != nil {
		return fmt.Errorf("ensure stream %s: %w", Name, err)
	}
	return compatible(found.CachedInfo().Config, c.stream(), log)
}

func compatible(have, want jetstream.StreamConfig, log *slog.Logger) error {
	covered := false
	for _, s := range have.Subjects {
		covered = covered || s == Subjects || s == ">" || s == "audit.>"
	}
	if !covered {
		return fmt.Errorf("stream %s takes %q, wanted %q", Name, have.Subjects, Subjects)
	}
	warn := func(what string, is, wanted any) {
		log.Warn("stream differs", "stream", Name, "setting", what, "is", is, "wanted", wanted)
	}
	if have.Discard != want.Discard {
		warn("discard", have.Discard, want.Discard)
	}
	if have.Storage != want.Storage {
		warn("storage", have.Storage, want.Storage)
	}
	if !have.DenyDelete || !have.DenyPurge {
		warn("deny_delete_and_purge", have.DenyDelete && have.DenyPurge, true)
	}
	if have.MaxAge > 0 && have.MaxAge < want.MaxAge {
		warn("max_age", have.MaxAge, want.MaxAge)
	}
	if have.Duplicates < want.Duplicates {
		warn("duplicate_window", have.Duplicates, want.Duplicates)
	}
	return nil
}
