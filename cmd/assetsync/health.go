package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	assetsync "assetsync/sync"
	"assetsync/sync/daemon"
)

// printHealth shows a daemon to people: who it is, how many targets are in
// which state, a row for each, and what is the matter.
func (a *app) printHealth(h daemon.Health) error {
	fmt.Fprintf(a.stdout, "%s\n%s\n", h.Owner, statesText(h.Targets))
	if h.Config != "" {
		fmt.Fprintf(a.stdout, "the old config is in use: %s\n", h.Config)
	}
	if h.Remote.Reason != "" {
		fmt.Fprintf(a.stdout, "remote: %s: %s\n", h.Remote.State, h.Remote.Reason)
	}
	rows := [][]string{{"TARGET", "STATE", "SINCE", "VERSION", "PUBLISHED", "WHEN", "WATCHED"}}
	for _, v := range h.Targets {
		rows = append(rows, []string{
			v.Target, stateText(v), a.sinceText(v.Since), versionText(v.Result.Version), fmt.Sprint(v.Published),
			whenText(v), watchedText(v),
		})
	}
	if len(h.Targets) > 0 {
		if err := a.table(rows); err != nil {
			return err
		}
	}
	_, err := fmt.Fprint(a.stdout, troubles(h))
	return err
}

// statesText counts the targets in each state.
func statesText(views []daemon.View) string {
	var states []daemon.State
	counts := map[daemon.State]int{}
	for _, v := range views {
		if counts[v.State]++; counts[v.State] == 1 {
			states = append(states, v.State)
		}
	}
	slices.SortStableFunc(states, func(a, b daemon.State) int { return counts[b] - counts[a] })
	parts := make([]string, len(states))
	for i, s := range states {
		parts[i] = fmt.Sprintf("%d %s", counts[s], s)
	}
	if len(parts) == 0 {
		return "no targets"
	}
	return strings.Join(parts, ", ")
}

// stateText is the state of a target, and what of the remote it has not
// taken: nothing that the daemon would do.
func stateText(v daemon.View) string {
	if n := len(v.Result.Pending); n > 0 && v.State == daemon.InStep {
		return fmt.Sprintf("%s, %s to pull", v.State, count(n, "file"))
	}
	return string(v.State)
}

// sinceText is the time of a day, with the day unless it is this one.
func (a *app) sinceText(t time.Time) string {
	t = t.Local()
	if t.Format(time.DateOnly) == a.now().Local().Format(time.DateOnly) {
		return t.Format(time.TimeOnly)
	}
	return t.Format(time.DateTime)
}

func versionText(v int32) string {
	if v == 0 {
		return "-"
	}
	return fmt.Sprintf("v%d", v)
}

// whenText is when a target is published, and that it is checked out, if it is.
func whenText(v daemon.View) string {
	switch {
	case !v.Direction.Publishes():
		return string(v.Direction)
	case v.Direction.Takes():
		return string(v.When) + ", " + string(v.Direction)
	}
	return string(v.When)
}

func watchedText(v daemon.View) string {
	switch {
	case v.Watch.Mode != "":
		return string(v.Watch.Mode)
	case v.When == assetsync.OnCommit:
		return "commits"
	}
	return "-"
}

// troubles says what the targets wait for or suffer from, a line for each
// cause, with the first of the targets that have it. What the remote is the
// cause of was said.
func troubles(h daemon.Health) string {
	var causes []string
	targets := map[string][]string{}
	add := func(target, cause string) {
		if cause == "" || slices.Contains(targets[cause], target) {
			return
		}
		if len(targets[cause]) == 0 {
			causes = append(causes, cause)
		}
		targets[cause] = append(targets[cause], target)
	}
	for _, v := range h.Targets {
		if v.Reason != "" && (v.State != h.Remote.State || v.Reason != h.Remote.Reason) {
			add(v.Target, string(v.State)+": "+v.Reason)
		}
		for _, cause := range []string{v.Watch.Lost, v.Watch.Trouble, v.Watch.Why} {
			add(v.Target, cause)
		}
	}
	var b strings.Builder
	for _, cause := range causes {
		fmt.Fprintf(&b, "%s: %s\n", someOf(targets[cause]), cause)
	}
	return b.String()
}
