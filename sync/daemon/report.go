package daemon

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	assetsync "assetsync/sync"
)

// report logs one line for each publish. first is when somebody saved what
// was published, zero when that is not known.
func (l *loop) report(res assetsync.Result, first time.Time) {
	defer l.reportCheckedOut(res)
	if len(res.Versions) == 0 {
		l.d.o.Looked(res, 0)
		return
	}
	var saved time.Duration
	if !first.IsZero() {
		saved = l.d.o.Now().Sub(first)
	}
	l.d.o.Looked(res, saved)
	calls := 0
	for _, n := range res.Calls {
		calls += n
	}
	fields := []zap.Field{
		zap.String("target", res.Target), zap.String("asset", res.AssetID),
		zap.Int32("from", res.ObservedVersion), zap.Int32s("versions", res.Versions),
		zap.String("by", string(res.Published)), zap.Strings("changes", changeLines(res)),
		zap.Int("calls", calls), zap.Int64("push_ms", res.DurationMS),
	}
	if !first.IsZero() {
		fields = append(fields, zap.Int64("save_to_version_ms", saved.Milliseconds()))
	}
	if len(res.Notes) > 0 && !slices.Equal(res.Notes, l.notes) {
		fields = append(fields, zap.Strings("notes", res.Notes)) // once: they come with each publish
	}
	l.notes = res.Notes
	l.d.log.Info("published", append(fields, l.unfold(res)...)...)
}

// reportCheckedOut logs one line for each look that changed files here.
func (l *loop) reportCheckedOut(res assetsync.Result) {
	if len(res.CheckedOut) > 0 {
		l.d.log.Info("checked out", zap.String("target", res.Target), zap.String("asset", res.AssetID),
			zap.Int32("version", res.Version), zap.Strings("changes", limited(pathLines(res.CheckedOut))))
	}
}

// reportWatch logs, once for each change of it, that the target is watched in
// a poorer way than was meant. A lost root is told by what the look comes to.
func (l *loop) reportWatch() {
	l.mu.Lock()
	h := l.watch.Health()
	l.mu.Unlock()
	poor := cmp.Or(h.Trouble, h.Why)
	if poor != l.poor && poor != "" {
		l.d.log.Warn("changes are noticed late", zap.String("target", l.t.Name), zap.String("reason", poor))
	}
	l.poor = poor
}

// reportPending logs that others changed the asset, once for each change of
// what is pending; what the daemon checks out is told when it has. l.mu is held.
func (l *loop) reportPending(now assetsync.Result) {
	if len(now.Pending) == 0 || l.takes() || slices.Equal(now.Pending, l.view.Result.Pending) {
		return
	}
	l.d.log.Info("changed on the remote", zap.String("target", l.t.Name), zap.Int32("version", now.Version),
		zap.Strings("pending", limited(pathLines(now.Pending))))
}

func pathLines(changes []assetsync.ChangeReport) (lines []string) {
	for _, c := range changes {
		lines = append(lines, c.Action+" "+string(c.Path))
	}
	return lines
}

// maxLoggedChanges is how many changes a line of the log names.
const maxLoggedChanges = 20

func changeLines(res assetsync.Result) []string {
	lines := pathLines(res.Changes)
	for _, c := range res.MetadataChanges {
		lines = append(lines, c.Action+" metadata "+c.Key)
	}
	return limited(lines)
}

// limited shortens what a line of the log names.
func limited(lines []string) []string {
	if n := len(lines) - maxLoggedChanges; n > 0 {
		lines = append(lines[:maxLoggedChanges:maxLoggedChanges], fmt.Sprintf("and %d more", n))
	}
	return lines
}

// logState logs that a target waits, is in trouble, or is not any more. The
// way from in step through a look and back is no news, and neither is that a
// target waits for a remote of which the log says so already.
func (l *loop) logState(s State, reason string) {
	if s == Publishing || s == Starting {
		return
	}
	if gate, _ := l.d.gate(); gate != InStep && s == gate {
		return
	}
	now := string(s) + " " + reason
	l.mu.Lock()
	said := l.said
	l.said = now
	l.mu.Unlock()
	if said == now || said == "" && s == InStep {
		return
	}
	level := zapcore.WarnLevel
	switch s {
	case InStep, Differs, Held, Paused:
		level = zapcore.InfoLevel
	}
	fields := []zap.Field{zap.String("target", l.t.Name)}
	if reason != "" {
		fields = append(fields, zap.String("reason", reason))
	}
	l.d.log.Log(level, string(s), fields...)
}
