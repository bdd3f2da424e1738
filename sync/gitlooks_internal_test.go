package sync

import (
	"errors"
	"testing"

	"assetsync/manifest/gitrepo"
)

// TestGitLooks wants a look to answer those alone who asked for one that began later.
func TestGitLooks(t *testing.T) {
	repo := new(gitrepo.Worktree)
	looks := 0
	look := func() (gitrepo.State, error) { looks++; return gitrepo.State{Head: string(rune('0' + looks))}, nil }
	shared := NewGitLooks()
	one := shared.at(repo, "")
	if _, ok := one.quiet(); ok {
		t.Error("git is known to be quiet before a look")
	}
	first, second := one.now(), shared.at(repo, "").now() // of two scans that have ended
	if s, _ := one.since(first, look); s.Head != "1" {
		t.Errorf("the first look found %+v", s)
	}
	if s, _ := one.since(second, look); s.Head != "1" || looks != 1 {
		t.Errorf("a scan that had ended before the look got %+v of %d looks, want that one", s, looks)
	}
	if s, _ := one.since(one.now(), look); s.Head != "2" {
		t.Errorf("a scan that ended after the look got %+v, want another look", s)
	}
	if s, ok := one.quiet(); !ok || s.Head != "2" {
		t.Errorf("last was %+v, %v", s, ok)
	}
	for name, other := range map[string]*gitLook{
		"another revision": shared.at(repo, "v1"), "another repository": shared.at(new(gitrepo.Worktree), ""), "none shared": (*GitLooks)(nil).at(repo, ""),
	} {
		if other.now() != 0 {
			t.Errorf("%s has looks of this one", name)
		}
	}
	for name, now := range map[string]func() (gitrepo.State, error){
		"busy":     func() (gitrepo.State, error) { return gitrepo.State{Operation: "a merge is in progress"}, nil },
		"not told": func() (gitrepo.State, error) { return gitrepo.State{}, errors.New("cut off") },
	} {
		one.since(one.now(), now)
		if _, ok := one.quiet(); ok {
			t.Errorf("%s: git is taken for quiet", name)
		}
	}
}
