package bolt

import (
	"encoding/binary"
	"time"

	"github.com/hookrelay/hook/relay"
	"github.com/hookrelay/hook/tunnel"
)

// The parts of the database. Keys are big-endian, so that a scan by prefix is
// in the order meant.
const (
	bucketEndpoints  = "endpoints"  // endpoint → record
	bucketCounts     = "counts"     // endpoint → last seq, items, bytes: apart from the record because every push writes it
	bucketIDs        = "ids"        // hash of a public id → endpoint
	bucketDue        = "due"        // PurgeAt, endpoint → nothing
	bucketPending    = "pending"    // endpoint, seq → item
	bucketDead       = "dead"       // endpoint, seq → item
	bucketDeliveries = "deliveries" // endpoint, delivery id → kind, seq, and the body or its file: apart from the item, so that a retry does not rewrite the body
	bucketQueued     = "queued"     // QueuedAt, endpoint, seq → nothing: pending items by age
	bucketFiles      = "files"      // name of a body file → nothing
	bucketMeta       = "meta"       // markKey, probeKey
)

// Keys in bucketMeta.
const (
	markKey  = "journal" // mark
	probeKey = "probe"   // what Writable writes
)

// bucketNames lists the parts. Changes name them by their place here: append only.
func bucketNames() []string {
	return []string{
		bucketEndpoints, bucketCounts, bucketIDs, bucketDue, bucketPending, bucketDead,
		bucketDeliveries, bucketQueued, bucketFiles, bucketMeta,
	}
}

func endpointKey(id relay.EndpointID) []byte {
	return binary.BigEndian.AppendUint64(make([]byte, 0, 8), uint64(id))
}

func itemKey(id relay.EndpointID, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(make([]byte, 0, 16), uint64(id)), seq)
}

func deliveryKey(id relay.EndpointID, delivery tunnel.ID) []byte {
	return append(binary.BigEndian.AppendUint64(make([]byte, 0, 24), uint64(id)), delivery[:]...)
}

// appendMoment is a time that sorts as bytes: seconds with the sign bit
// turned, then nanoseconds. It holds every time.Time, the zero one too.
func appendMoment(b []byte, t time.Time) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(t.Unix())^1<<63)
	return binary.BigEndian.AppendUint32(b, uint32(t.Nanosecond()))
}

const momentSize = 12

func moment(b []byte) time.Time {
	return time.Unix(int64(binary.BigEndian.Uint64(b)^1<<63), int64(binary.BigEndian.Uint32(b[8:]))).UTC()
}

func dueKey(at time.Time, id relay.EndpointID) []byte {
	return binary.BigEndian.AppendUint64(appendMoment(make([]byte, 0, momentSize+8), at), uint64(id))
}

func queuedKey(at time.Time, id relay.EndpointID, seq uint64) []byte {
	b := appendMoment(make([]byte, 0, momentSize+16), at)
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, uint64(id)), seq)
}

func endpointID(key []byte) relay.EndpointID { return relay.EndpointID(binary.BigEndian.Uint64(key)) }

func itemSeq(key []byte) uint64 { return binary.BigEndian.Uint64(key[8:]) }
