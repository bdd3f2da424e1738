package daemon

import (
	"fmt"
	"slices"
	"strings"
	"time"

	assetsync "assetsync/sync"
	"assetsync/watcher"
)

// View is what the daemon knows of a target.
type View struct {
	Target     string              `json:"target"`
	When       assetsync.When      `json:"when"`
	Direction  assetsync.Direction `json:"direction,omitempty"` // "" is push
	State      State               `json:"state"`
	Reason     string              `json:"reason,omitempty"` // what it waits for, or what went wrong
	Since      time.Time           `json:"since"`            // of the state
	NextTry    time.Time           `json:"next_try,omitzero"`
	LookedAt   time.Time           `json:"looked_at,omitzero"`
	Published  int                 `json:"published"`        // versions made since the daemon began
	CheckedOut int                 `json:"checked_out"`      // files that it changed here since then
	Folded     int                 `json:"folded,omitempty"` // saves that a version budget puts off, until NextTry
	Watch      watcher.RootHealth  `json:"watch,omitzero"`
	Result     assetsync.Result    `json:"result"` // what a status says; without an outcome before the first look
}

// RemoteView is what the daemon knows of the remote.
type RemoteView struct {
	State    State     `json:"state"` // InStep when it answers
	Reason   string    `json:"reason,omitempty"`
	Since    time.Time `json:"since"`
	PolledAt time.Time `json:"polled_at,omitzero"`
	NextPoll time.Time `json:"next_poll,omitzero"`
}

// Health is how a daemon does.
type Health struct {
	Owner   string     `json:"owner"`
	PID     int        `json:"pid"`
	Since   time.Time  `json:"since"`
	Summary string     `json:"summary"`
	Config  string     `json:"config,omitempty"` // why the newest config is not in use
	Remote  RemoteView `json:"remote"`
	Targets []View     `json:"targets"`
}

// summary says in one line how some targets do: how many are in step, then
// what is the matter with the first that is not and knows why.
func summary(views []View) string {
	counts := map[State]int{}
	var first *View
	for i, v := range views {
		counts[v.State]++
		if first == nil && v.State != InStep && v.State != Publishing && v.Reason != "" {
			first = &views[i]
		}
	}
	var parts []string
	for _, s := range States() {
		if n := counts[s]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	text := strings.Join(parts, ", ")
	if text == "" {
		return "no targets"
	}
	if first != nil {
		text += fmt.Sprintf(" (%s: %s)", first.Target, first.Reason)
	}
	return text
}

// standing is the result that a status gives, with what the daemon waits for
// as a note.
func (v View) standing() assetsync.Result {
	res := v.Result
	switch {
	case v.State == Held, v.State == Paused, v.State == Blocked && len(res.Problems) == 0: // problems speak for themselves
		res.Notes = append(slices.Clone(res.Notes), fmt.Sprintf("the daemon waits: %s", v.Reason))
	case v.State == Publishing:
		res.Notes = append(slices.Clone(res.Notes), "the daemon is publishing it")
	}
	return res
}
