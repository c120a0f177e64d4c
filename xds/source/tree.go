package source

// Tree is the immutable content of a policy repository at one commit.
type Tree struct {
	Commit string            // the Git commit; for a directory "dir-" and the first 12 hex digits of a digest of its content
	Files  map[string][]byte // slash-separated path below the policy folder → content; only *.yaml and *.yml
}
