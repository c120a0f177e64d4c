package source

import (
	"fmt"
	"path/filepath"

	"github.com/fsnotify/fsnotify"
)

// hints watches every folder of the tree. Events say only that something happened; what, is read from the folder.
func (d *dirLoader) hints() (<-chan struct{}, func(), error) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, func() {}, fmt.Errorf("watch %s: %w", d.path, err)
	}
	d.setWatched(func(folders []string) {
		for _, f := range folders {
			// A folder that has gone, or one too many for the kernel: the poll sees what this misses.
			_ = watcher.Add(filepath.Join(d.path, filepath.FromSlash(f)))
		}
	})
	d.watch([]string{"."})
	c, done := make(chan struct{}, 1), make(chan struct{})
	go func() {
		defer close(done)
		relay(watcher, c)
	}()
	stop := func() {
		d.setWatched(nil)
		_ = watcher.Close() // ends relay
		<-done
	}
	return c, stop, nil
}

func (d *dirLoader) setWatched(f func([]string)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.watched = f
}

func (d *dirLoader) watch(folders []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.watched != nil {
		d.watched(folders)
	}
}

// relay turns events into hints until the watcher is closed. An error (events were lost) is a hint as well.
func relay(w *fsnotify.Watcher, c chan<- struct{}) {
	for {
		select {
		case e, ok := <-w.Events:
			if !ok {
				return
			}
			if e.Op == fsnotify.Chmod {
				continue
			}
		case _, ok := <-w.Errors:
			if !ok {
				return
			}
		}
		select {
		case c <- struct{}{}:
		default: // one hint is waiting already
		}
	}
}
