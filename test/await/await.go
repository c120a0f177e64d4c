// Package await is for tests of what comes by itself, some time, and tells of it in no other way than by being there.
package await

import (
	"testing"
	"time"
)

// Patience is how long a test waits for what should come soon, on a machine that does other things as well.
const Patience = 30 * time.Second

// Until polls until so holds. It fails the test after [Patience].
func Until(t testing.TB, what string, so func() bool) {
	t.Helper()
	deadline, tick := time.After(Patience), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited %s for %s", Patience, what)
		}
	}
}
