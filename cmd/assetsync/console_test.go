package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// TestConsoleLog makes entries for people.
func TestConsoleLog(t *testing.T) {
	publish := func(from int32, versions []int32, by string, changes []string, more ...zap.Field) []zap.Field {
		return append([]zap.Field{
			zap.String("target", "skills/a"), zap.String("asset", "ki-1"), zap.Int32("from", from), zap.Int32s("versions", versions),
			zap.String("by", by), zap.Strings("changes", changes), zap.Int("calls", 8), zap.Int64("push_ms", 20),
		}, more...)
	}
	tests := []struct {
		name    string
		level   zapcore.Level
		message string
		with    []zap.Field // fields of the logger
		fields  []zap.Field
		want    string
	}{
		{name: "a message", message: "stopped", want: "stopped"},
		{name: "a warning", level: zap.WarnLevel, message: "the clock jumped", want: "warning: the clock jumped"},
		{name: "an error", level: zap.ErrorLevel, message: "it broke", want: "error: it broke"},
		{name: "debug", level: zap.DebugLevel, message: "attempt", want: "attempt"},
		{
			name: "saves that were folded", message: "published",
			fields: publish(17, []int32{18}, "zip", []string{"update a.md"}, zap.String("folded", "3 saves folded into v18")),
			want:   "skills/a: published v17 -> v18: M a.md (3 saves folded into v18, one zip, 8 calls)",
		},
		{
			name: "a state", message: "waiting",
			fields: []zap.Field{zap.String("target", "skills/a"), zap.String("reason", "git rebase is in progress")},
			want:   "skills/a: waiting: git rebase is in progress",
		},
		{
			name: "an error and the rest", message: "attempt",
			fields: []zap.Field{
				zap.String("path", "/asset"), zap.Int("attempt", 2), zap.Error(errors.New("refused")), zap.String("request_id", ""),
				zap.Duration("after", 72*time.Second+time.Millisecond),
			},
			want: "attempt: refused (path /asset, attempt 2, after 1m12s)",
		},
		{
			name: "fields of the logger", message: "run failed",
			with:   []zap.Field{zap.String("target", "skills/a"), zap.String("env", "prod")},
			fields: []zap.Field{zap.String("verb", "push")},
			want:   "skills/a: run failed (env prod, verb push)",
		},
		{
			name: "one line", message: "the service says \"a\nb\u009b2J\u202e\"",
			fields: []zap.Field{zap.String("target", "a\x1b[2Jb")},
			want:   "a [2Jb: the service says \"a b 2J \"",
		},
		{
			name: "the beginning", message: "watching",
			fields: []zap.Field{zap.Int("targets", 1), zap.String("env", "prod"), zap.String("remote", "embedded"), zap.String("agent_space", "local")},
			want:   "watching 1 target of environment prod; Ctrl-C ends it, assetsync status shows what differs (remote embedded, agent space local)",
		},
		{
			name: "created", message: "published", fields: publish(0, []int32{1}, "zip", []string{"create SKILL.md"}),
			want: "skills/a: created v1: A SKILL.md (one zip, 8 calls)",
		},
		{
			name: "published", message: "published",
			fields: publish(17, []int32{18}, "files", []string{"update SKILL.md", "create x y.md", "delete z.md"}, zap.Int64("save_to_version_ms", 124)),
			want:   "skills/a: published v17 -> v18: M SKILL.md, A x y.md, D z.md (8 calls, 124ms after the save)",
		},
		{
			name: "checked out", message: "checked out",
			fields: []zap.Field{zap.String("target", "skills/a"), zap.String("asset", "ki-1"), zap.Int32("version", 7), zap.Strings("changes", []string{"update SKILL.md", "delete z.md"})},
			want:   "skills/a: checked out v7: M SKILL.md, D z.md",
		},
		{
			name: "several versions", message: "published",
			fields: publish(17, []int32{18, 19}, "files", []string{"update a", "publish metadata status"}, zap.Int64("save_to_version_ms", 2714)),
			want:   "skills/a: published v17 -> v19: M a, M metadata status (8 calls, 2.71s after the save)",
		},
		{
			name: "published, with notes", message: "published",
			fields: publish(1, []int32{2}, "files", []string{"update a"}, zap.Strings("notes", []string{"a is long", "b is not"})),
			want:   "skills/a: published v1 -> v2: M a (8 calls); note: a is long; note: b is not",
		},
		{
			name: "others changed it", message: "changed on the remote",
			fields: []zap.Field{zap.String("target", "skills/a"), zap.Int32("version", 3), zap.Strings("pending", []string{"create b.md", "delete c.md"})},
			want:   "skills/a: changed on the remote, v3: A b.md, D c.md; assetsync pull takes it",
		},
		{
			name: "many changes", message: "published",
			fields: publish(1, []int32{2}, "zip", []string{"update a", "update b", "update c", "update d", "update e", "update f"}),
			want:   "skills/a: published v1 -> v2: M a, M b, M c, M d and 2 more (one zip, 8 calls)",
		},
		{
			name: "more changes than the entry has", message: "published",
			fields: publish(1, []int32{2}, "zip", []string{"update a", "update b", "update c", "update d", "update e", "and 80 more"}),
			want:   "skills/a: published v1 -> v2: M a, M b, M c, M d and 81 more (one zip, 8 calls)",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			log, err := newLogger(&out, zap.DebugLevel, "console")
			if err != nil {
				t.Fatal(err)
			}
			log.With(tt.with...).Log(tt.level, tt.message, tt.fields...)
			line := regexp.MustCompile(`^\d\d:\d\d:\d\d  (.*)\n$`).FindStringSubmatch(out.String())
			if line == nil {
				t.Fatalf("the log says %q", out.String())
			}
			if d := cmp.Diff(tt.want, line[1]); d != "" {
				t.Errorf("line (-want +got):\n%s", d)
			}
		})
	}
}

// TestConsoleLogKeeps makes two entries: one changes nothing for the next,
// nor a logger for the one that it was made of.
func TestConsoleLogKeeps(t *testing.T) {
	var out bytes.Buffer
	log, err := newLogger(&out, zap.DebugLevel, "console")
	if err != nil {
		t.Fatal(err)
	}
	about := log.With(zap.String("target", "skills/a"))
	for range 2 {
		about.Info("in step")
	}
	log.Info("stopped")
	got := regexp.MustCompile(`(?m)^\S+  `).ReplaceAllString(out.String(), "")
	if d := cmp.Diff("skills/a: in step\nskills/a: in step\nstopped\n", got); d != "" {
		t.Errorf("log (-want +got):\n%s", d)
	}
}

// TestJSONLogKeepsFields asks for the fields that programs read.
func TestJSONLogKeepsFields(t *testing.T) {
	var out bytes.Buffer
	log, err := newLogger(&out, zap.InfoLevel, "json")
	if err != nil {
		t.Fatal(err)
	}
	log.Info("published", zap.String("target", "skills/a"), zap.Int32s("versions", []int32{2}), zap.Int64("push_ms", 20))
	var got map[string]any
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if _, err := time.Parse(time.RFC3339Nano, got["ts"].(string)); err != nil {
		t.Error(err)
	}
	delete(got, "ts")
	want := map[string]any{"level": "info", "msg": "published", "target": "skills/a", "versions": []any{2.0}, "push_ms": 20.0}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("entry (-want +got):\n%s", d)
	}
}
