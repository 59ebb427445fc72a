package io.ashlar.nbd.session;

import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.BlockQueue;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.block.MemoryBlockDevice;
import io.ashlar.base.block.Operation;
import io.ashlar.base.block.ScatterList;
import io.ashlar.base.loop.Loop;
import io.ashlar.base.status.Status;
import java.util.Random;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A memory device whose requests take a while, and end in another order than they came. Can hold everything back. */
final class DelayingDevice extends MemoryBlockDevice {
    private static final Logger LOG = LoggerFactory.getLogger(DelayingDevice.class);
    private static final int DELAY_NS_MAX = 300_000;

    volatile boolean holding;

    DelayingDevice(int sizeBytes, int blockBytes) {
        super(new BlockGeometry(sizeBytes, blockBytes, false));
    }

    @Override
    public BlockQueue openQueue(Loop loop, Runnable completionsEnded) {
        BlockQueue below = super.openQueue(loop, completionsEnded);
        Random random = new Random(loop.name().hashCode());
        return new BlockQueue() {
            @Override
            public void submit(BlockRequest request) {
                loop.schedule(() -> finish(request), random.nextInt(DELAY_NS_MAX));
            }

            private void finish(BlockRequest request) {
                if (holding) {
                    loop.schedule(() -> finish(request), 1_000_000);
                    return;
                }
                try {
                    below.submit(new Passed(request));
                    completionsEnded.run();
                } catch (RuntimeException | Error e) {
                    LOG.error("a scheduled task's failure is seen by nobody", e);
                }
            }

            @Override
            public void endBatch() {}

            @Override
            public void close() {}
        };
    }

    private static final class Passed extends BlockRequest {
        private final BlockRequest request;

        Passed(BlockRequest request) {
            this.request = request;
            ScatterList data = request.data();
            if (data == null) {
                set(request.operation(), request.offsetBytes(), request.lengthBytes(), request.flags());
            } else {
                setData(
                        request.operation() == Operation.READ ? Operation.READ : Operation.WRITE,
                        request.offsetBytes(),
                        data,
                        request.flags());
            }
        }

        @Override
        protected void onComplete(Status status) {
            request.complete(status);
        }
    }
}
