package daemon

import (
	"fmt"
	"time"

	"go.uber.org/zap"

	assetsync "assetsync/sync"
)

// fold counts the saves that a version budget puts off, and says into which
// version they go, and when; "" where it puts off nothing. l.mu is held.
func (l *loop) fold(v verdict, res assetsync.Result) string {
	l.folded = !v.until.IsZero()
	l.view.Folded = 0
	switch {
	case l.folded:
		l.view.Folded = max(l.saves, 1) // at a start, what was saved before is one
		return fmt.Sprintf("%s folded into v%d, which may go at %s (publish.max_versions_per_hour)",
			saves(l.view.Folded), res.Version+1, v.until.Local().Format(time.TimeOnly))
	case v.state == InStep:
		l.saves = 0 // nothing is left of them to publish
	}
	return ""
}

// unfold returns what the log says of a version that several saves went into,
// and begins to count anew.
func (l *loop) unfold(res assetsync.Result) []zap.Field {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := max(l.saves, 1)
	folded := l.folded
	l.saves, l.folded = 0, false
	if !folded {
		return nil
	}
	return []zap.Field{zap.String("folded", fmt.Sprintf("%s folded into v%d", saves(n), res.Version))}
}

func saves(n int) string {
	if n == 1 {
		return "1 save"
	}
	return fmt.Sprintf("%d saves", n)
}
