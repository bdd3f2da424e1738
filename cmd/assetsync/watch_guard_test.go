package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// TestGuardState takes away what a daemon is found by. One that was asked to end
// has taken its socket away itself, and does not begin anew for that.
func TestGuardState(t *testing.T) {
	tests := map[string]struct {
		gone  string // "lock", "socket", or nothing
		ended bool
		want  error
	}{
		"all there":                    {},
		"the lock is gone":             {gone: "lock", want: errStateGone},
		"the socket is gone":           {gone: "socket", want: errStateGone},
		"the socket of one that ends":  {gone: "socket", ended: true},
		"the lock of one that ends":    {gone: "lock", ended: true},
		"all there while it is ending": {ended: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), ".assetsync")
			files := map[string]string{"lock": lockFile(dir), "socket": filepath.Join(dir, "daemon.sock")}
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			for _, file := range files {
				if err := os.WriteFile(file, nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 10*stateEvery)
				defer cancel()
				ending := make(chan struct{})
				got := make(chan error, 1)
				go func() { got <- guardState(ctx, dir, files["socket"], ending) }()
				time.Sleep(stateEvery / 2)
				if tt.ended {
					close(ending)
				}
				if file := files[tt.gone]; file != "" {
					if err := os.Remove(file); err != nil {
						t.Error(err)
					}
				}
				if err := <-got; !errors.Is(err, tt.want) {
					t.Errorf("got %v, want %v", err, tt.want)
				}
			})
		})
	}
}
