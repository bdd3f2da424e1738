package daemon

import "time"

// rest calls Rested once nothing was done for restPause, and again after
// anything was.
func (d *Daemon) rest() {
	if d.o.Rested == nil {
		return
	}
	for {
		select {
		case <-d.ctx.Done():
			return
		case <-d.worked:
		}
		if !d.quiet() {
			return
		}
		d.o.Rested()
	}
}

// quiet waits until nothing was done for restPause; false when the daemon ends.
func (d *Daemon) quiet() bool {
	timer := time.NewTimer(restPause)
	defer timer.Stop()
	for {
		select {
		case <-d.ctx.Done():
			return false
		case <-d.worked:
			timer.Reset(restPause)
		case <-timer.C:
			return true
		}
	}
}
