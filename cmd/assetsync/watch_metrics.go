package main

import (
	"context"
	"net"
	"time"

	"go.uber.org/zap"

	"assetsync/remote/aws"
	assetsync "assetsync/sync"
	"assetsync/sync/daemon"
	"assetsync/sync/daemon/metrics"
)

// newMetrics makes what --metrics asks for; nothing where it is not given.
func (a *app) newMetrics(addr string) error {
	if addr == "" {
		return nil
	}
	var err error
	if a.metricsAddr, err = metrics.Address(addr); err != nil {
		return usageError(err, "for example --metrics 9090, which only this machine can reach", "--metrics %v", err)
	}
	b := thisBuild()
	a.metrics = metrics.New(metrics.Build{Version: b.Version, Commit: b.Commit, Go: b.Go})
	return nil
}

// listenMetrics takes the address of --metrics, before anything is published:
// a daemon that nobody can look at is not the one that was asked for. nil
// without --metrics.
func (a *app) listenMetrics(ctx context.Context) (net.Listener, error) {
	if a.metrics == nil {
		return nil, nil
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", a.metricsAddr)
	if err != nil {
		return nil, usageError(err, "choose another --metrics, or leave it out", "serve metrics on %s: %v", a.metricsAddr, err)
	}
	return l, nil
}

// serveMetrics answers until ctx ends. What goes wrong once it runs is logged
// and ends nothing.
func (a *app) serveMetrics(ctx context.Context, l net.Listener, d *daemon.Daemon) error {
	if l == nil {
		<-ctx.Done()
		return nil
	}
	a.metrics.Observe(d.Health)
	defer a.metrics.Observe(nil)
	a.log.Info("metrics", zap.String("url", "http://"+l.Addr().String()+"/metrics"))
	errorLog, err := zap.NewStdLogAt(a.log, zap.WarnLevel)
	if err == nil {
		err = a.metrics.Serve(ctx, l, errorLog)
	}
	a.tell(err)
	<-ctx.Done()
	return nil
}

// onCall tells who counts or shows calls that one begins; what it returns is
// told of its end.
func (a *app) onCall(operation string) (end func(error)) {
	began, shown := a.now(), a.shown().call(operation)
	return func(err error) {
		shown()
		if a.metrics != nil {
			a.metrics.Called(operation, a.now().Sub(began), err)
		}
	}
}

// onLook tells who counts what looks come to; nil: nobody does.
func (a *app) onLook() func(assetsync.Result, time.Duration) {
	if a.metrics == nil {
		return nil
	}
	return a.metrics.Looked
}

// onWait is told of waits of requests.
func (a *app) onWait(w aws.Wait) {
	a.shown().wait("", waitText(w), w.For)
	if a.metrics != nil {
		a.metrics.Waited(string(w.Reason), w.For)
	}
}

// closeUnused closes a listener that nobody came to serve.
func closeUnused(l net.Listener) error {
	if l == nil {
		return nil
	}
	return l.Close()
}
