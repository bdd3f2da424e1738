package sync

import (
	"testing"
	"time"

	"assetsync/sync/state"
)

func TestNextVersion(t *testing.T) {
	now := time.Date(2026, 6, 8, 12, 0, 0, 0, time.UTC)
	ago := func(minutes ...int) (list []state.Publishing) {
		for _, m := range minutes {
			list = append(list, state.Publishing{At: now.Add(-time.Duration(m) * time.Minute)})
		}
		return list
	}
	tests := map[string]struct {
		made    []state.Publishing
		perHour int
		want    int // minutes from now; 0: now
	}{
		"no limit":                     {ago(3, 2, 1), 0, 0},
		"nothing was made":             {nil, 1, 0},
		"some are left":                {ago(30, 20), 3, 0},
		"spent":                        {ago(30, 20, 10), 3, 30},
		"spent by the last ones":       {ago(50, 30, 20, 10), 3, 30},
		"old ones do not count":        {ago(300, 61, 60, 10), 2, 0},
		"one in an hour":               {ago(59), 1, 1},
		"of a clock that was set back": {ago(-500, -400), 1, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := nextVersion(tt.made, tt.perHour, now)
			want := time.Time{}
			if tt.want > 0 {
				want = now.Add(time.Duration(tt.want) * time.Minute)
			}
			if !got.Equal(want) {
				t.Errorf("the next version may go at %s, want %s", got, want)
			}
		})
	}
}
