package stream

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"bartizan/extproc/audit/natsd"
)

func server(t *testing.T) jetstream.JetStream {
	t.Helper()
	s, err := natsd.Start(natsd.Options{StateDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Shutdown)
	nc, err := s.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func TestEnsureCreates(t *testing.T) {
	js := server(t)
	var log bytes.Buffer
	for range 2 { // the second time it is there
		if err := Ensure(t.Context(), js, Config{MaxAge: time.Hour}, slog.New(slog.NewTextHandler(&log, nil))); err != nil {
			t.Fatal(err)
		}
	}
	s, err := js.Stream(t.Context(), Name)
	if err != nil {
		t.Fatal(err)
	}
	c := s.CachedInfo().Config
	if c.Discard != jetstream.DiscardNew || !c.DenyDelete || !c.DenyPurge || !c.AllowAtomicPublish || c.MaxAge != time.Hour ||
		c.Storage != jetstream.FileStorage || c.Duplicates != 5*time.Minute || c.MaxBytes != 8<<30 {
		t.Errorf("stream %+v", c)
	}
	if log.Len() > 0 {
		t.Errorf("warnings about our own stream:\n%s", log.String())
	}
}

func TestEnsureFindsAnother(t *testing.T) {
	for name, c := range map[string]struct {
		found   *jetstream.StreamConfig
		managed bool
		warns   string
		errs    string
	}{
		"differs":        {found: &jetstream.StreamConfig{Subjects: []string{Subjects}, Discard: jetstream.DiscardOld}, warns: "discard"},
		"memory":         {found: &jetstream.StreamConfig{Subjects: []string{Subjects}, Storage: jetstream.MemoryStorage}, warns: "storage"},
		"other subjects": {found: &jetstream.StreamConfig{Subjects: []string{"x.>"}}, errs: "wanted"},
		"managed":        {managed: true, errs: "not found"},
	} {
		t.Run(name, func(t *testing.T) {
			js := server(t)
			if c.found != nil {
				c.found.Name = Name
				if _, err := js.CreateStream(t.Context(), *c.found); err != nil {
					t.Fatal(err)
				}
			}
			var log bytes.Buffer
			err := Ensure(t.Context(), js, Config{Managed: c.managed}, slog.New(slog.NewTextHandler(&log, nil)))
			if (err != nil) != (c.errs != "") || err != nil && !strings.Contains(err.Error(), c.errs) {
				t.Errorf("error %v, want %q", err, c.errs)
			}
			if !strings.Contains(log.String(), c.warns) || c.warns == "" && log.Len() > 0 {
				t.Errorf("log %q, want %q", log.String(), c.warns)
			}
		})
	}
}
