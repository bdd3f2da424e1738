// Package aws carries the requests of package remote to AWS.
//
// A [Transport] finds credentials, region and endpoint as every AWS SDK does,
// signs each attempt anew, keeps to a rate, and repeats what may be repeated:
//
//   - a read: on throttling, connection errors and 5xx, by the SDK's standard
//     or adaptive policy;
//   - a write (POST, PATCH, DELETE): when it was throttled, which comes before
//     its effect, and when no byte of it left this machine.
//
// "No byte left" is proven by net/http/httptrace: the attempt asked for a
// connection and never got one. Everything later than that leaves a write in
// doubt, and its error does not wrap [remote.ErrNotSent].
//
// Only HTTP/1.1 is spoken: over HTTP/2, net/http repeats requests of any
// method by itself, after some errors of which it cannot be told whether the
// request had its effect.
package aws
