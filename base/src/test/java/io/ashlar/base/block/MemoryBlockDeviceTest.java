package io.ashlar.base.block;

import io.ashlar.base.loop.Loop;
import io.ashlar.base.loop.ManualLoop;

class MemoryBlockDeviceTest extends BlockDeviceContract {
    private final ManualLoop loop = new ManualLoop();

    @Override
    protected BlockDevice createDevice(int logicalBlockBytes) {
        return new MemoryBlockDevice(new BlockGeometry(SIZE_BYTES, logicalBlockBytes, false));
    }

    @Override
    protected Loop loop() {
        return loop;
    }

    @Override
    protected void await(TestRequest request) {
        loop.runTasks();
    }
}
