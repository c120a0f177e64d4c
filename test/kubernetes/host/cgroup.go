package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	cgroupRoot   = "/sys/fs/cgroup"
	cgroupPrefix = "bartizan-test-"
)

// cgroup is the name of a group in every hierarchy of the machine: in the one of version 2, or in each of version 1.
type cgroup string

// hierarchies are the folders that hold groups.
func hierarchies() ([]string, error) {
	if _, err := os.Stat(filepath.Join(cgroupRoot, "cgroup.controllers")); err == nil {
		return []string{cgroupRoot}, nil
	}
	all, err := filepath.Glob(filepath.Join(cgroupRoot, "*", "cgroup.procs"))
	if err == nil && len(all) == 0 {
		err = errors.New("no cgroup hierarchy below " + cgroupRoot)
	}
	for i := range all {
		all[i] = filepath.Dir(all[i])
	}
	return all, err
}

// unified is the hierarchy of version 2 beside those of version 1. It controls nothing; containerd makes its groups there too.
const unified = "unified"

func (c cgroup) make() error {
	all, err := hierarchies()
	if err != nil {
		return err
	}
	for _, h := range all {
		if filepath.Base(h) == unified {
			continue
		}
		if err := os.Mkdir(filepath.Join(h, string(c)), 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	// In a new group of version 1 no processor and no memory node is allowed.
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
		allowed, err := os.ReadFile(filepath.Join(cgroupRoot, "cpuset", file))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(cgroupRoot, "cpuset", string(c), file), allowed, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// remove removes the groups with all below them, whose processes have ended: the kernel may need a moment to see that.
func (c cgroup) remove() error {
	all, err := hierarchies()
	if err != nil {
		return err
	}
	for _, h := range all {
		err = errors.Join(err, removeGroup(filepath.Join(h, string(c))))
	}
	return err
}

func removeGroup(root string) error {
	var folders []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			folders = append(folders, path)
		}
		return ignoreAbsent(err)
	})
	slices.Reverse(folders)
	for _, folder := range folders {
		last := error(nil)
		for range 100 {
			if last = ignoreAbsent(os.Remove(folder)); last == nil {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		err = errors.Join(err, last)
	}
	return err
}

func ignoreAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// removeStale removes groups of runs that were killed. A group in use cannot be removed, and is left to its run.
func removeStale() {
	all, _ := hierarchies()
	for _, h := range all {
		groups, _ := filepath.Glob(filepath.Join(h, cgroupPrefix+"*"))
		for _, group := range groups {
			if !running(strings.TrimPrefix(filepath.Base(group), cgroupPrefix)) {
				_ = removeGroup(group)
			}
		}
	}
}

// running says whether a process of this id lives, whatever it is.
func running(pid string) bool {
	_, err := os.Stat(filepath.Join("/proc", pid))
	return err == nil
}

// leftGroups are the groups of this name that are still there.
func (c cgroup) leftGroups() (left []string) {
	all, _ := hierarchies()
	for _, h := range all {
		if group := filepath.Join(h, string(c)); ignoreAbsent(exists(group)) == nil && exists(group) == nil {
			left = append(left, "cgroup "+group)
		}
	}
	return left
}

func exists(path string) error {
	_, err := os.Stat(path)
	return err
}

func ownGroup() cgroup { return cgroup(fmt.Sprintf("%s%d", cgroupPrefix, os.Getpid())) }
