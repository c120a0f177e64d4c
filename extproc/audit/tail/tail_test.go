package tail

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"bartizan/extproc/audit/natsd"
	"bartizan/extproc/audit/stream"
)

// TestText renders every golden event of package ocsf.
func TestText(t *testing.T) {
	files, err := filepath.Glob("../ocsf/testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("goldens: %v, %v", files, err)
	}
	var b strings.Builder
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		e := Event{Raw: raw}
		if e.View, err = Parse(raw); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(WriteText(&b, &e, false), WriteText(&b, &e, true)); err != nil {
			t.Fatal(err)
		}
	}
	const golden = "testdata/text.golden"
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
}

func FuzzWriteText(f *testing.F) {
	for _, file := range []string{"llm_allow", "mcp_deny", "fault"} {
		raw, err := os.ReadFile("../ocsf/testdata/" + file + ".json")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add([]byte(`{"actor":{"user":{"name":"\u001b[2J\u009b31m\u202e\nroot"}},"unmapped":{"bartizan":{"outcome":"\u0007","commit":"\u001b]0;x"}}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		e := Event{Raw: raw}
		e.View, _ = Parse(raw)
		var b strings.Builder
		if err := WriteText(&b, &e, false); err != nil {
			t.Fatal(err)
		}
		line, ok := strings.CutSuffix(b.String(), "\n")
		if !ok || strings.ContainsFunc(line, func(r rune) bool {
			return r < 0x20 || r >= 0x7f && r < 0xa0 || r >= 0x200b && r <= 0x200f || r >= 0x2028 && r <= 0x202e
		}) {
			t.Errorf("a terminal would obey: %q", b.String())
		}
	})
}

func setup(t *testing.T) (*nats.Conn, func(subject, id string)) {
	t.Helper()
	s, err := natsd.Start(natsd.Options{StateDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Shutdown)
	gateway, err := s.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(gateway.Close)
	js, err := jetstream.New(gateway)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Ensure(t.Context(), js, stream.Config{}, discard()); err != nil {
		t.Fatal(err)
	}
	reader, err := nats.Connect(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(reader.Close)
	return reader, func(subject, id string) {
		t.Helper()
		if _, err := js.Publish(t.Context(), subject, []byte(`{"metadata":{"uid":"`+id+`"}}`)); err != nil {
			t.Fatal(err)
		}
	}
}

func collect(t *testing.T, nc *nats.Conn, o Options) (ids []string) {
	t.Helper()
	o.Once = true
	if err := Tail(t.Context(), nc, o, func(e *Event) error {
		ids = append(ids, e.Metadata.UID)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return ids
}

func TestTail(t *testing.T) {
	nc, publish := setup(t)
	if got := collect(t, nc, Options{All: true}); got != nil {
		t.Errorf("an empty stream holds %v", got)
	}
	publish("audit.v1.a.llm.allow", "1")
	publish("audit.v1.a.mcp.deny", "2")
	time.Sleep(10 * time.Millisecond) // the server's clock decides what Since means
	since := time.Now()
	publish("audit.v1.a.llm.deny", "3")
	for name, c := range map[string]struct {
		o    Options
		want []string
	}{
		"all":     {Options{All: true}, []string{"1", "2", "3"}},
		"new":     {Options{}, nil},
		"since":   {Options{Since: since}, []string{"3"}},
		"subject": {Options{All: true, Subject: "audit.v1.*.*.deny"}, []string{"2", "3"}},
	} {
		if diff := cmp.Diff(c.want, collect(t, nc, c.o)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestTailFollows(t *testing.T) {
	nc, publish := setup(t)
	publish("audit.v1.a.llm.allow", "1")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var got []string
	err := Tail(ctx, nc, Options{All: true}, func(e *Event) error {
		got = append(got, e.Metadata.UID)
		switch len(got) {
		case 1:
			publish("audit.v1.a.llm.allow", "2")
		case 2:
			cancel()
		}
		return nil
	})
	if diff := cmp.Diff([]string{"1", "2"}, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	stop := errors.New("enough")
	if err := Tail(t.Context(), nc, Options{All: true}, func(*Event) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("the function's error: %v", err)
	}
}

// TestTailUnanswered: a stream without a leader does not answer, and that does not use up the time in which it could be asked again.
func TestTailUnanswered(t *testing.T) {
	t.Parallel()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(s.Shutdown)
	nc, err := nats.Connect(s.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	if _, err := nc.Subscribe("$JS.API.STREAM.INFO."+stream.Name, func(*nats.Msg) {}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err = Tail(ctx, nc, Options{Since: time.Now()}, func(*Event) error { return nil })
	if !errors.Is(err, ErrNoAnswer) {
		t.Errorf("error: %v, want %v", err, ErrNoAnswer)
	}
}
