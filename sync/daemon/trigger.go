package daemon

import (
	"context"

	"go.uber.org/zap"
)

// trigger waits for reasons to read the config again.
type trigger struct {
	Trigger
	cancel context.CancelFunc
}

// replaceTriggers makes list the triggers; d.mu is held.
func (d *Daemon) replaceTriggers(list []Trigger) {
	old := d.triggers
	d.triggers = map[string]*trigger{}
	for _, t := range list {
		if d.triggers[t.Key] != nil {
			continue // named twice
		}
		if before, ok := old[t.Key]; ok {
			d.triggers[t.Key] = before
			delete(old, t.Key)
			continue
		}
		ctx, cancel := context.WithCancel(d.ctx)
		d.triggers[t.Key] = &trigger{t, cancel}
		d.running.Go(func() { d.follow(ctx, t) })
	}
	for _, t := range old {
		t.cancel()
	}
}

// follow makes each batch that concerns the config a reload. The first batch
// says that the watch stands: what changed before that may have been missed.
func (d *Daemon) follow(ctx context.Context, t Trigger) {
	said := ""
	watch, err := openPatiently(ctx, t.Watch, func(err error) {
		if err.Error() == said {
			return
		}
		said = err.Error()
		d.log.Warn("changes of the config are not noticed yet", zap.String("watch", t.Key), zap.Error(err))
	})
	if err != nil {
		return // the daemon ends
	}
	defer watch.Close()
	for {
		select {
		case <-ctx.Done():
			return
		case b := <-watch.Batches():
			if b.Why != "" || t.Concerns == nil || t.Concerns(b) {
				d.Reload()
			}
		}
	}
}

// openPatiently opens a watch, again and again until it can; failed hears of
// each error. The error that it returns is that ctx has ended.
func openPatiently(ctx context.Context, open func() (Watch, error), failed func(error)) (Watch, error) {
	pause := retryBase
	for {
		w, err := open()
		if err == nil {
			return w, nil
		}
		failed(err)
		if err := wait(ctx, pause); err != nil {
			return nil, err
		}
		pause = min(2*pause, offlineMax)
	}
}
