package plain_test

import (
	"net/http"
	"testing"

	"github.com/go-json-experiment/json"

	"bartizan/filters"
	"bartizan/filters/plain"
)

func TestRefuse(t *testing.T) {
	for _, tt := range []struct {
		kind filters.RefusalKind
		want int
	}{
		{filters.RefusedUnknown, http.StatusNotFound},
		{filters.RefusedTooLarge, http.StatusRequestEntityTooLarge},
		{filters.RefusedOverloaded, http.StatusServiceUnavailable},
		{filters.RefusedInternal, http.StatusInternalServerError},
		{"a kind of later", http.StatusInternalServerError},
	} {
		reply := plain.Refuser{}.Refuse(nil, filters.Refusal{Kind: tt.kind, Message: "no \"such\"\x00 \xff thing", DecisionID: "d1"})
		var body struct {
			Error struct{ Type, Message string }
		}
		if err := json.Unmarshal(reply.Body, &body, json.MatchCaseInsensitiveNames(true)); err != nil {
			t.Fatalf("%s: %v in %s", tt.kind, err, reply.Body)
		}
		if want := "Refused by Bartizan: no \"such\"\x00 \ufffd thing (decision d1)"; reply.Status != tt.want || body.Error.Message != want {
			t.Errorf("%s: status %d, message %q", tt.kind, reply.Status, body.Error.Message)
		}
	}
}
