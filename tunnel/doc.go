// Package tunnel carries webhooks from a relay to a listener and the answers
// back: Delivery and Result, the Handler that makes one of the other, the wire
// protocol with both its ends, and the Forwarder that replays a delivery to a
// local application.
//
// A listener is a Client with a Handler:
//
//	client := tunnel.NewClient(tunnel.ClientOptions{
//		Dial: func(ctx context.Context) (tunnel.Conn, error) {
//			return tunnel.DialWebSocket(ctx, httpClient, "https://relay.example/v1/tunnel", ownerKey)
//		},
//		Endpoint: endpointID,
//		Handler:  forwarder,
//	})
//	err := client.Run(ctx)
//
// A relay has one Session for each listener and hands it deliveries with
// Session.Deliver.
//
// The package does not change what it carries, does not know providers or
// signatures, stores nothing, and has no way for a relay to name an address
// that the listener would dial.
package tunnel
