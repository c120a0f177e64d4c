package socket

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// ServeHTTP serves an address in the clear until ctx ends. An empty address is none, and no error.
func ServeHTTP(ctx context.Context, address string, h http.Handler) error {
	if address == "" {
		return nil
	}
	l, err := Listen(address)
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: time.Minute}
	defer context.AfterFunc(ctx, func() { srv.Close() })()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve HTTP on %s: %w", address, err)
	}
	return nil
}
