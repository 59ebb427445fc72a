package io.ashlar.client.volume;

import io.ashlar.base.block.BlockDevice;
import io.ashlar.base.block.BlockDeviceContract;
import io.ashlar.base.block.TestRequest;
import io.ashlar.base.loop.Loop;
import io.ashlar.base.net.EpollLoops;
import io.ashlar.client.fake.FakeNode;
import io.ashlar.client.session.SessionConfig;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;

class RemoteVolumeContractTest extends BlockDeviceContract {
    private static final List<FakeNode> NODES = new ArrayList<>();
    private static EpollLoops loops;

    @BeforeAll
    static void start() {
        loops = EpollLoops.floating("contract", 1);
    }

    @AfterAll
    static void stop() {
        loops.close();
        NODES.forEach(FakeNode::close);
    }

    @Override
    protected BlockDevice createDevice(int logicalBlockBytes) throws Exception {
        FakeNode node = new FakeNode(SIZE_BYTES, logicalBlockBytes);
        NODES.add(node);
        node.recording = false;
        return RemoteVolume.open(
                VolumeOptions.of(SessionConfig.of(node.address(), "host"), FakeNode.VOLUME, AccessMode.READ_WRITE),
                loops.all().get(0));
    }

    @Override
    protected Loop loop() {
        return loops.all().get(0);
    }

    @Override
    protected void await(TestRequest request) throws Exception {
        long deadline = System.nanoTime() + 20_000_000_000L;
        while (request.status() == null) {
            if (System.nanoTime() > deadline) {
                throw new AssertionError("no completion");
            }
            Thread.onSpinWait();
        }
    }
}
