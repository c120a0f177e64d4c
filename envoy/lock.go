package envoy

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// errLocked says that another process holds a lock.
var errLocked = errors.New("another process holds the lock")

const lockPoll = 100 * time.Millisecond

// waitLock takes the lock of the file at path, as soon as nobody else has it or until ctx ends.
func waitLock(ctx context.Context, path string) (unlock func(), err error) {
	for {
		unlock, err = tryLock(path)
		if !errors.Is(err, errLocked) {
			return unlock, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for %s: %w: %w", path, err, ctx.Err())
		case <-time.After(lockPoll):
		}
	}
}
