// Package source follows a policy repository and yields its content as an immutable [Tree] whenever that changes.
//
// It promises: a tree is whole (all YAML files below one folder, at one commit) or it is not yielded; what cannot be a policy
// file but could hide one (a symbolic link, a submodule, a file over the limit) is refused with its path, never skipped; once a
// tree was yielded, a repository that is away, broken or empty changes nothing, and is reported by [Source.Status]; history that
// was rewritten (a force-push) is followed like any other commit. Names that begin with a dot are ignored.
//
// It does not judge what the files say, does not keep trees across restarts, and does not verify signatures of commits.
//
// A [Source] has no goroutine of its own: [Source.Run] uses its caller's (and one for file events, which it waits for), and calls
// back from there. Its methods are safe for concurrent use. Errors of the first load are returned; later ones are logged once,
// shown in the status, and retried with a growing delay.
package source
