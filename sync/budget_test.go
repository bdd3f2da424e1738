package sync_test

import (
	"fmt"
	"testing"
	"time"

	assetsync "assetsync/sync"
)

// TestBudget publishes as a daemon does until the budget is spent. Each run
// opens the state anew, so this is what a restart finds, too. What was put off
// is published as it is then; a push that is asked for is not put off.
func TestBudget(t *testing.T) {
	w := newWorld(t)
	m := w.machine(map[string]string{"SKILL.md": skillMain, "a.md": "0"})
	m.target.MaxVersionsPerHour = 2
	budgeted := assetsync.PushOptions{OneVersion: true, Unattended: true, Budgeted: true}
	m.mustPush(assetsync.Created)
	var first time.Time
	for i := 1; i <= 2; i++ {
		m.write("a.md", fmt.Sprint(i))
		if res := m.push(budgeted); res.Outcome != assetsync.Published || !res.NextVersion.IsZero() {
			t.Fatalf("publish %d: %+v", i, res)
		}
		if i == 1 {
			first = w.now
		}
	}
	for i := 3; i <= 5; i++ {
		m.write("a.md", fmt.Sprint(i))
		res := m.push(budgeted)
		if res.Outcome != assetsync.Planned || len(res.Changes) != 1 || len(res.Versions) != 0 || res.Version != 3 {
			t.Fatalf("over the budget: %+v", res)
		}
		if off := res.NextVersion.Sub(first.Add(time.Hour)); off.Abs() > time.Minute {
			t.Errorf("the next may go at %s, want an hour after %s", res.NextVersion, first)
		}
	}
	w.now = w.now.Add(time.Hour)
	if res := m.push(budgeted); res.Outcome != assetsync.Published || res.Version != 4 {
		t.Fatalf("after an hour: %+v", res)
	}
	m.write("a.md", "6")
	if res := m.push(budgeted); res.Outcome != assetsync.Published {
		t.Fatalf("the second of that hour: %+v", res)
	}
	m.write("a.md", "7")
	if res := m.push(budgeted); res.Outcome != assetsync.Planned {
		t.Fatalf("the third: %+v", res)
	}
	if res := m.push(assetsync.PushOptions{}); res.Outcome != assetsync.Published || res.Version != 6 {
		t.Fatalf("somebody asked for it: %+v", res)
	}
}
