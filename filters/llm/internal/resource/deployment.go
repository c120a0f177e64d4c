package resource

import (
	"strings"

	"bartizan/filters"
)

// deployments is how the names of operations begin that let a provider run an agent by itself, at set times
// (https://platform.claude.com/docs/en/managed-agents/scheduled-deployments).
const deployments = "deployments."

// deployment reads a member of a deployment: when it is to run, and with what that the provider keeps. It says no to all that is content.
// Credentials for a repository are left where they are.
func (r *reader) deployment(name string) bool {
	kind := r.Kind()
	switch {
	case name == "schedule" && kind == '{':
		r.schedule()
	case name == "agent" && kind == '{':
		id := ""
		for member := range r.Object() {
			if string(member) == "id" {
				id = string(r.MaybeText())
			}
		}
		r.declare(filters.DeclaresHistory, id)
	case (name == "agent" || name == "memory_store_id") && kind == '"':
		r.declare(filters.DeclaresHistory, r.String())
	case name == "environment_id" && kind == '"':
		r.declare(filters.DeclaresContainer, r.String())
	case name == "vault_ids" && kind == '[':
		for range r.Array() {
			r.declare(filters.DeclaresHistory, string(r.MaybeText()))
		}
	case name == "resources" && kind == '[':
		for range r.Array() {
			r.mounted()
		}
	case name == "authorization_token":
		r.Skip()
	default:
		return false
	}
	return true
}

// schedule reads {type, expression, timezone}.
func (r *reader) schedule() {
	var expression, timezone string
	for member := range r.Object() {
		switch string(member) {
		case "expression":
			expression = string(r.MaybeText())
		case "timezone":
			timezone = string(r.MaybeText())
		}
	}
	r.declare(filters.DeclaresSchedule, strings.TrimSpace(expression+" "+timezone))
}

// mounted reads what a container of a deployment finds: {type, …} of a file, a store or a repository.
func (r *reader) mounted() {
	if r.Kind() != '{' {
		r.value(filters.Block{Role: "user", Origin: filters.OriginUser, Name: "resources"})
		return
	}
	for name := range r.Object() {
		r.memberOf("resources", string(name))
	}
}

// declare declares something of the value that was read last.
func (r *reader) declare(kind, name string) {
	r.Declare(filters.Declaration{Kind: kind, Name: name, Pointer: r.Pointer()})
}
