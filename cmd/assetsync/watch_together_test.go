package main

import (
	"context"
	"errors"
	"testing"
)

// TestTogether wants the first error of the parts of a daemon, also when a part
// ends well before it is returned.
func TestTogether(t *testing.T) {
	broken := errors.New("broken")
	waits := func(ctx context.Context) error { <-ctx.Done(); return nil }
	for _, tt := range []struct {
		name  string
		parts []func(context.Context) error
		want  error
	}{
		{"one ends", []func(context.Context) error{waits, func(context.Context) error { return nil }}, nil},
		{"one fails", []func(context.Context) error{waits, func(context.Context) error { return broken }}, broken},
		{"one fails after another has ended", []func(context.Context) error{
			func(context.Context) error { return nil },
			func(ctx context.Context) error { <-ctx.Done(); return broken },
		}, broken},
		{"one says that it was told to end", []func(context.Context) error{
			func(context.Context) error { return nil },
			func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := together(t.Context(), tt.parts...); !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}
