package org.retain4j.core.hub;

import java.io.IOException;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The body of a response, read piece by piece with a limit on the wait for each.
 *
 * <p>The stream that the JDK offers waits for ever on a server that stops sending. At most two
 * pieces are held in memory. Read by one thread; {@link #close()} gives up the rest and the
 * connection.
 */
final class BodyReader implements HttpResponse.BodySubscriber<BodyReader>, AutoCloseable {

    private static final Logger LOG = LoggerFactory.getLogger(BodyReader.class);
    private static final Object END = new Object();
    private static final long SHORT = 64 << 10;
    private static final Duration PROMPT = Duration.ofSeconds(1);

    private final BlockingQueue<Object> pieces = new LinkedBlockingQueue<>();
    private Flow.@Nullable Subscription subscription;
    private boolean closed;
    private boolean ended;

    @Override
    public CompletionStage<BodyReader> getBody() {
        return CompletableFuture.completedFuture(this);
    }

    @Override
    public synchronized void onSubscribe(Flow.Subscription newSubscription) {
        if (closed || subscription != null) {
            newSubscription.cancel();
            return;
        }
        subscription = newSubscription;
        newSubscription.request(1);
    }

    @Override
    public void onNext(List<ByteBuffer> buffers) {
        pieces.add(buffers);
    }

    @Override
    public void onError(Throwable failure) {
        pieces.add(failure);
    }

    @Override
    public void onComplete() {
        pieces.add(END);
    }

    /**
     * Returns the next bytes, or null at the end.
     *
     * @throws HttpTimeoutException when none come in time
     * @throws IOException when the connection breaks or the body is shorter than announced
     */
    @Nullable List<ByteBuffer> next(Duration patience) throws IOException, InterruptedException {
        if (ended) {
            return null;
        }
        Object piece = pieces.poll(patience.toMillis(), TimeUnit.MILLISECONDS);
        if (piece == null) {
            throw new HttpTimeoutException("no data for " + patience.toMillis() + " ms");
        }
        if (piece == END) {
            ended = true;
            return null;
        }
        if (piece instanceof Throwable failure) {
            ended = true;
            throw failure instanceof IOException io ? io : new IOException(failure);
        }
        synchronized (this) {
            if (subscription != null) {
                subscription.request(1);
            }
        }
        @SuppressWarnings("unchecked")
        List<ByteBuffer> buffers = (List<ByteBuffer>) piece;
        return buffers;
    }

    /**
     * Reads a short rest so that the connection can serve again, and closes; gives up a long or
     * slow rest together with the connection.
     */
    void discard() {
        try {
            long left = SHORT;
            List<ByteBuffer> buffers;
            while (left > 0 && (buffers = next(PROMPT)) != null) {
                for (ByteBuffer buffer : buffers) {
                    left -= buffer.remaining();
                }
            }
        } catch (IOException e) {
            LOG.trace("The rest of an answer is lost", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            close();
        }
    }

    @Override
    public synchronized void close() {
        closed = true;
        if (subscription != null && !ended) {
            subscription.cancel();
        }
    }
}
