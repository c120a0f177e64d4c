//go:build !unix

package envoy

import (
	"errors"
	"syscall"
)

var errPlatform = errors.New("Envoy runs on Linux and macOS only")

func childAttributes() *syscall.SysProcAttr { return nil }

func tryLock(string) (func(), error) { return nil, errPlatform }

func privateDir(string) error { return errPlatform }
