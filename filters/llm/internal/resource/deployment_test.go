package resource_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"bartizan/filters/llm/anthropic"
	"bartizan/filters/llm/internal/resource"
)

// TestDeployments: what a provider will do by itself, and with what that it keeps, is declared; what it is told is content.
func TestDeployments(t *testing.T) {
	for operation, c := range map[string]struct{ body, want string }{
		"deployments.create": {`{"name":"report","agent":{"type":"agent","id":"agent_1","version":3},"environment_id":"env_1",
"initial_events":[{"type":"user.message","content":[{"type":"text","text":"Send the report."}]}],
"schedule":{"type":"cron","expression":"0 9 * * 1-5","timezone":"Europe/Paris"},"vault_ids":["vlt_1"],"resources":[
{"type":"file","file_id":"file_1","mount_path":"/data"},{"type":"memory_store","memory_store_id":"mem_1","instructions":"Read it."},
{"type":"github_repository","url":"https://example.com/r","authorization_token":"secret","checkout":{"type":"branch","name":"main"}}]}`, ` []
history agent_1 at /agent
container env_1 at /environment_id
schedule 0 9 * * 1-5 Europe/Paris at /schedule
history vlt_1 at /vault_ids/0
file file_1 at /resources/0/file_id
history mem_1 at /resources/1/memory_store_id
/name user "name" text/plain: report
/agent/type user "agent" text/plain: agent
/initial_events/0/type user "initial_events" text/plain: user.message
/initial_events/0/content/0/type user "initial_events" text/plain: text
/initial_events/0/content/0/text user "initial_events" text/plain: Send the report.
/schedule/type user "schedule" text/plain: cron
/resources/0/type user "resources" text/plain: file
/resources/0/mount_path user "resources" text/plain: /data
/resources/1/type user "resources" text/plain: memory_store
/resources/1/instructions user "resources" text/plain: Read it.
/resources/2/type user "resources" text/plain: github_repository
/resources/2/url user "resources" text/plain: https://example.com/r
/resources/2/checkout/type user "resources" text/plain: branch
/resources/2/checkout/name user "resources" text/plain: main
`},
		"deployments.update": {`{"agent":"agent_2","schedule":null,"resources":"all","environment_id":["x"]}`, ` []
history agent_2 at /agent
/resources user "resources" text/plain: all
/environment_id/0 user "environment_id" text/plain: x
`},
		"deployments.pause": {`{"agent":{"id":"agent_1","system":"a"},"schedule":{"expression":"@daily","note":"b"},"vault_ids":["v",{"x":"c"}],
"authorization_token":"d","resources":[{"authorization_token":["k"],"user":"e","agent":"f","model":"g","schedule":{"h":"i"}},"j"]}`, ` []
history agent_1 at /agent
schedule @daily at /schedule
history v at /vault_ids/0
/agent/system user "agent" text/plain: a
/schedule/note user "schedule" text/plain: b
/vault_ids/1/x user "vault_ids" text/plain: c
/authorization_token user "authorization_token" text/plain: d
/resources/0/authorization_token/0 user "resources" text/plain: k
/resources/0/user user "resources" text/plain: e
/resources/0/agent user "resources" text/plain: f
/resources/0/model user "resources" text/plain: g
/resources/0/schedule/h user "resources" text/plain: i
/resources/1 user "resources" text/plain: j
`},
		"deployments.run": {``, " []\n"},
	} {
		x := exchange(operation, "application/json")
		if err := (resource.Codec{Codec: anthropic.Codec{}}).DecodeRequest(x, []byte(c.body)); err != nil {
			t.Fatalf("%s: %v", operation, err)
		}
		inPlace(t, []byte(c.body), x.Blocks)
		if diff := cmp.Diff(c.want, summary(x)); diff != "" {
			t.Errorf("%s:\n%s", operation, diff)
		}
	}
}
