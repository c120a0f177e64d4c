package mcp

import (
	"maps"
	"slices"
)

// eras is a set of eras of the protocol.
type eras uint8

const (
	legacyEra eras = 1 << iota // revisions that begin with initialize, up to 2025-11-25
	modernEra                  // 2026-07-28
	bothEras  = legacyEra | modernEra
)

// method is what the protocol says of one method of a client.
type method struct {
	in           eras
	notification bool     // it has no answer, and no id
	subject      ItemKind // what it uses; empty: nothing that the gate decides about
	by           string   // the member of params that names the subject
	needsHeader  bool     // 2026-07-28: Mcp-Name must carry the same
}

// The methods that the code knows by name.
const (
	methodInitialize  = "initialize"
	methodInitialized = "notifications/initialized"
	methodCancelled   = "notifications/cancelled"
	methodDiscover    = "server/discover"
	methodList        = "tools/list"
	methodCall        = "tools/call"
	methodPrompt      = "prompts/get"
	methodComplete    = "completion/complete"
	methodListen      = "subscriptions/listen"
)

// methods are all that clients may send. The modern revision has no use for notifications/cancelled over HTTP, yet clients send it, and
// it cannot do harm. The tasks of 2026-07-28 are the extension io.modelcontextprotocol/tasks; their Mcp-Name is the extension's to ask
// for, hence it must be true, and may be missing.
var methods = map[string]method{
	methodInitialize:                   {in: legacyEra},
	"ping":                             {in: legacyEra},
	methodDiscover:                     {in: modernEra},
	methodList:                         {in: bothEras},
	methodCall:                         {in: bothEras, subject: ItemTool, by: "name", needsHeader: true},
	"prompts/list":                     {in: bothEras},
	methodPrompt:                       {in: bothEras, subject: ItemPrompt, by: "name", needsHeader: true},
	"resources/list":                   {in: bothEras},
	"resources/templates/list":         {in: bothEras},
	"resources/read":                   {in: bothEras, subject: ItemResource, by: "uri", needsHeader: true},
	"resources/subscribe":              {in: legacyEra, subject: ItemResource, by: "uri"},
	"resources/unsubscribe":            {in: legacyEra, subject: ItemResource, by: "uri"},
	methodComplete:                     {in: bothEras, subject: ItemCompletion, by: "ref"},
	"logging/setLevel":                 {in: legacyEra},
	methodListen:                       {in: modernEra},
	"tasks/get":                        {in: bothEras, subject: ItemTask, by: "taskId"},
	"tasks/cancel":                     {in: bothEras, subject: ItemTask, by: "taskId"},
	"tasks/result":                     {in: legacyEra, subject: ItemTask, by: "taskId"},
	"tasks/list":                       {in: legacyEra},
	"tasks/update":                     {in: modernEra, subject: ItemTask, by: "taskId"},
	methodInitialized:                  {in: legacyEra, notification: true},
	methodCancelled:                    {in: bothEras, notification: true},
	"notifications/progress":           {in: legacyEra, notification: true},
	"notifications/roots/list_changed": {in: legacyEra, notification: true},
	"notifications/tasks/status":       {in: legacyEra, notification: true},
}

// Methods returns what a rule may name: every method of a client, and the operations that are none.
func Methods() []string {
	names := []string{OperationGet, OperationDelete, OperationResponse}
	return append(names, slices.Sorted(maps.Keys(methods))...)
}

// admitted tells whether a client may send the method in an era.
func admitted(name string, inModernEra bool) (method, bool) {
	m, ok := methods[name]
	if inModernEra {
		return m, ok && m.in&modernEra != 0
	}
	return m, ok && m.in&legacyEra != 0
}
