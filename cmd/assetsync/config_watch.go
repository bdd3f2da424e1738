package main

import (
	"slices"
	"strings"
	"time"

	"assetsync/remote/assettype"
	assetsync "assetsync/sync"
	"assetsync/watcher"
)

// Bounds of the watch keys.
const (
	minSettle = 10 * time.Millisecond // below, one save by an editor is more than one change
	maxSettle = time.Minute           // above, it looks as if nothing is published

	maxMaxWait = 10 * time.Minute // a file that never rests is published after that, and not never

	minIdle = 100 * time.Millisecond // below, idle is no different from save
	maxIdle = time.Hour              // above, quiet is a day without work: that is what manual is for

	minPollRemote = 5 * time.Second // below, looking takes the requests that publishing needs
	maxPollRemote = time.Hour       // above, a remote change is told too late to matter
)

// watchModes are the values of watch.mode.
func watchModes() []string {
	return []string{string(watcher.Auto), string(watcher.Native), string(watcher.Poll)}
}

// publishTimes are the values of publish.when.
func publishTimes() []string {
	return []string{string(assetsync.OnSave), string(assetsync.OnIdle), string(assetsync.OnCommit), string(assetsync.Manually)}
}

// WatchSettings say how a daemon watches.
type WatchSettings struct {
	Mode       string        // "auto", "native" or "poll"
	Settle     time.Duration // how long a path must be quiet
	MaxWait    time.Duration // how long a path that is never quiet is waited for; Settle or more
	Idle       time.Duration // how long a target that publishes when idle must be quiet
	PollRemote time.Duration // between two looks for remote changes
}

// Watch returns how to watch, with defaults for what the config leaves out.
func (c *Config) Watch() WatchSettings {
	w := c.Watching
	return WatchSettings{
		Mode:       w.Mode.Or(defaultWatchMode),
		Settle:     w.Settle.Or(defaultSettle),
		MaxWait:    w.MaxWait.Or(defaultMaxWait),
		Idle:       w.Idle.Or(defaultIdle),
		PollRemote: w.PollRemote.Or(defaultPollRemote),
	}
}

func (w WatchConfig) check(p *problems) {
	oneOf(p, "watch.mode", w.Mode, watchModes())
	within(p, "watch.settle", w.Settle, minSettle, maxSettle)
	within(p, "watch.idle", w.Idle, minIdle, maxIdle)
	within(p, "watch.poll_remote", w.PollRemote, minPollRemote, maxPollRemote)
	atMost(p, "watch.max_wait", w.MaxWait, maxMaxWait)
	settle, maxWait := w.Settle.Or(defaultSettle), w.MaxWait.Or(defaultMaxWait)
	switch {
	case settle <= maxWait || settle > maxSettle:
	case w.MaxWait.Set():
		p.add(w.MaxWait.At, "watch.max_wait", "want %s (watch.settle) or more, got %s", shortDuration(settle), shortDuration(maxWait))
	default:
		p.add(w.Settle.At, "watch.settle", "%s is more than watch.max_wait, which is %s unless set", shortDuration(settle), shortDuration(maxWait))
	}
}

// oneOf reports a setting that is none of words.
func oneOf(p *problems, key string, v value[string], words []string) {
	if v.Set() && !slices.Contains(words, v.V) {
		p.add(v.At, key, "%s is unknown%s", quoted(v.V), didYouMean(v.V, words))
	}
}

// within reports a setting outside its bounds.
func within(p *problems, key string, v value[time.Duration], least, most time.Duration) {
	if v.Set() && v.V < least {
		p.add(v.At, key, "want %s or more, got %s", shortDuration(least), shortDuration(v.V))
	}
	atMost(p, key, v, most)
}

func atMost(p *problems, key string, v value[time.Duration], most time.Duration) {
	if v.Set() && v.V > most {
		p.add(v.At, key, "want %s or less, got %s", shortDuration(most), shortDuration(v.V))
	}
}

// shortDuration writes a duration as people do: 5m, and not 5m0s.
func shortDuration(d time.Duration) string {
	text := d.String()
	if short, ok := strings.CutSuffix(text, "m0s"); ok {
		text = short + "m"
	}
	if short, ok := strings.CutSuffix(text, "h0m"); ok {
		text = short + "h"
	}
	return text
}

// GlobBases returns the directories that the globs of c begin in, absolute
// and sorted: whatever comes to be a target by a glob lies in one of them.
// Those below another are left out; one that does not exist is not.
func (c *Config) GlobBases() []string {
	var all []string
	for _, t := range c.Targets {
		if _, literal := t.literalPath(); !literal {
			all = append(all, c.osPath(globBase(t)))
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	return slices.DeleteFunc(slices.Clone(all), func(dir string) bool {
		return slices.ContainsFunc(all, func(other string) bool { return other != dir && holdsPath(other, dir) })
	})
}

// MainFiles returns the base names of the files, sorted, whose coming or going
// makes or ends a target of c: SKILL.md for one. The names that a glob of
// single files matches, such as attachments, are not among them.
func (c *Config) MainFiles() []string {
	var names []string
	for _, t := range c.Targets {
		types := detectable()
		if given, known := assettype.Lookup(t.Type.V); known {
			types = []assettype.Type{given}
		}
		for _, typ := range types {
			if typ.MainFile != "" {
				names = append(names, typ.MainFile)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
