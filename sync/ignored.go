package sync

import (
	"context"

	"assetsync/manifest"
	"assetsync/manifest/gitrepo"
)

// WhyIgnored says of each path which rule keeps it from being published and where
// that stands; "" where none does. The paths need not exist. It needs neither the
// remote nor the state. repo is the git worktree that the source lies in; nil
// outside of git.
func WhyIgnored(ctx context.Context, t Target, repo *gitrepo.Worktree, paths []manifest.Path) ([]string, error) {
	l, err := newLinter(t, repo)
	if err != nil {
		return nil, err
	}
	snap, err := l.scan(ctx)
	if err != nil {
		return nil, err
	}
	why := make([]string, len(paths))
	for i, p := range paths {
		if snap.Ignore != nil {
			why[i] = snap.Ignore.Why(p)
		}
	}
	return why, nil
}
