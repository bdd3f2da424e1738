package daemon

import (
	"slices"
	"time"

	"go.uber.org/zap"

	assetsync "assetsync/sync"
)

// Reload reads the config again, soon.
func (d *Daemon) Reload() { signal(d.reload) }

// reloads serves Reload, and repeats what failed for no fault of the config.
func (d *Daemon) reloads() {
	var again <-chan time.Time
	for {
		select {
		case <-d.ctx.Done():
			return
		case <-d.reload:
		case <-again:
		}
		again = nil
		if d.loadAgain() {
			again = time.After(reloadPause)
		}
	}
}

// loadAgain puts the config to use, or keeps the old one and says so once. It
// reports whether it is worth to repeat it.
func (d *Daemon) loadAgain() (repeat bool) {
	set, err := d.o.Load(d.ctx)
	if d.ctx.Err() != nil {
		return false
	}
	now := ""
	if err != nil {
		e := assetsync.AsError(err)
		now, repeat = e.Message, e.Kind != assetsync.KindUsage
	}
	d.mu.Lock()
	before := d.configErr
	d.configErr = now
	d.mu.Unlock()
	switch {
	case err == nil:
		if before != "" {
			d.log.Info("the config is in use again")
		}
		d.replace(set)
	case now != before:
		d.log.Warn("the new config cannot be used; the old one stays in use", zap.Error(err))
	}
	signal(d.news)
	return repeat
}

// replace makes set the targets. One that is as before goes on; one that
// changed begins anew when its last look is over.
func (d *Daemon) replace(set Set) {
	d.mu.Lock()
	defer d.mu.Unlock()
	old := d.loops
	d.loops = nil
	var begun []*loop
	for _, t := range set.Targets {
		same := func(l *loop) bool { return l.t.Name == t.Name && l.t.Key == t.Key }
		if i := slices.IndexFunc(old, same); i >= 0 {
			d.loops = append(d.loops, old[i])
			old = slices.Delete(old, i, i+1)
			continue
		}
		l := newLoop(d, t, d.paused[t.Name])
		d.loops = append(d.loops, l)
		begun = append(begun, l)
	}
	d.leaving = slices.DeleteFunc(d.leaving, (*loop).over)
	for _, l := range old {
		l.end()
		d.leaving = append(d.leaving, l)
	}
	for _, l := range begun {
		before := slices.DeleteFunc(slices.Clone(d.leaving), func(b *loop) bool { return !l.shares(b) })
		d.running.Go(func() {
			for _, b := range before {
				<-b.done // two engines at one asset would overwrite each other
			}
			l.run()
		})
	}
	d.replaceTriggers(set.Triggers)
	d.every, d.notify = set.Poll, set.Notify
	signal(d.news)
	signal(d.moved)
}

// over reports whether the loop has ended.
func (l *loop) over() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// shares reports whether a loop that is about to begin may have the asset of
// one that ends: under the same name, or another one after a rename.
func (l *loop) shares(b *loop) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return l.t.Name == b.t.Name || l.t.AssetID != "" && l.t.AssetID == b.asset
}
