// Package status is what the control server says of itself: its JSON form, the HTTP handler that serves it, the client that
// reads it over a Unix socket, and its rendering for a terminal.
//
// It promises a stable JSON form and bounded reads. It knows nothing of xDS or gRPC, so that a command line that only asks does
// not carry a server. Values are snapshots: nothing in them changes after they were taken, and functions are safe for
// concurrent use. Errors name what was attempted.
package status

import "time"

// Status is the state of the control server at one moment.
type Status struct {
	Time     time.Time  `json:"time"`
	Live     *Commit    `json:"live,omitempty"`     // the commit whose rollout was last completed; none yet: nothing is served
	Rollout  *Rollout   `json:"rollout,omitempty"`  // the last one that was begun
	Rejected *Rejection `json:"rejected,omitempty"` // the last commit with errors, unless a later one was good
	Nodes    []Node     `json:"nodes"`              // connected now, sorted by class and id
	Source   *Source    `json:"source,omitempty"`
}

// Commit is a commit in force.
type Commit struct {
	Commit  string    `json:"commit"`
	Version string    `json:"version"` // content hash
	Since   time.Time `json:"since"`
	Nodes   int       `json:"nodes"` // of those connected, how many have acknowledged all of it
}

// State is where a rollout stands.
type State string

// The states of a rollout. The last three are ends that left the commit before it in force.
const (
	WaitingForExtproc State = "waiting_for_extproc" // the bundle is out, Envoy has the old routes
	WaitingForEnvoy   State = "waiting_for_envoy"   // the new routes are out, what only the old ones need is still there
	Done              State = "done"
	Stopped           State = "stopped"    // a replica of extproc did not accept the bundle
	Superseded        State = "superseded" // by a newer commit
	Canceled          State = "canceled"   // the server is closing
)

// Rollout is one commit on its way.
type Rollout struct {
	Commit  string    `json:"commit"`
	Version string    `json:"version"`
	State   State     `json:"state"`
	Reason  string    `json:"reason,omitempty"` // why it stopped, or who was too slow to be waited for
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended,omitzero"`
	Nodes   int       `json:"nodes"` // of those connected, how many have acknowledged all of it
}

// Rejection is a commit that is not rolled out, since it has errors.
type Rejection struct {
	Commit string    `json:"commit"`
	Time   time.Time `json:"time"`
	Errors []string  `json:"errors"`
}

// Node is one connected stream of an Envoy or an extproc.
type Node struct {
	ID        string    `json:"id"`
	Class     string    `json:"class"` // "envoy" or "extproc"
	Connected time.Time `json:"connected"`
	Live      bool      `json:"live"` // on the live commit
	Types     []Type    `json:"types"`
}

// Type is what a node has of one kind of resource.
type Type struct {
	Name    string `json:"name"`              // "listener", "cluster", "route", "secret", "bundle", ...
	Version string `json:"version,omitempty"` // acknowledged last, or known to the node when it connected; a content hash
	Live    bool   `json:"live"`
	Nack    *Nack  `json:"nack,omitempty"` // the last one on this stream
}

// Nack is a version that a node refused.
type Nack struct {
	Version string    `json:"version"`
	Detail  string    `json:"detail"` // in the node's words, cut to 1 KiB
	Time    time.Time `json:"time"`
}

// Source is what the policy repository looks like from here. Its fields are those of source.Status, which converts to it.
type Source struct {
	Name        string    `json:"name"`
	Commit      string    `json:"commit,omitempty"`
	LastSuccess time.Time `json:"last_success,omitzero"`
	Error       string    `json:"error,omitempty"`
	FailedSince time.Time `json:"failed_since,omitzero"`
	Refused     string    `json:"refused_commit,omitempty"` // the commit that Error is about, where there is one
}
